/*
 * Result codes of everything below the daemon. Zero is success; results leave through out parameters that are
 * untouched on failure (style.md, lessons 6 and 7).
 */
#ifndef TSUZUKI_SYNC_BASE_ERR_H
#define TSUZUKI_SYNC_BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_NOMEM,     /* memory is short, or a capped buffer is full */
	ERR_DISK_FULL, /* the disk or the database's size limit is reached */
	ERR_IO,	       /* reading, writing or syncing failed */
	ERR_CORRUPT,   /* the database is damaged */
	ERR_FOREIGN,   /* the file is no tsuzuki database */
	ERR_NEWER,     /* the database was made by a newer tsuzuki */
	ERR_BUSY,      /* another process holds the data, or a queue is full */
	ERR_NOT_FOUND, /* no such row, user, session or route */
	ERR_CONFLICT,  /* it exists already */
	ERR_INVALID,   /* input that breaks a rule */
	ERR_LIMIT,     /* a bound of limits.h would be passed */
	ERR_DENIED,    /* wrong or ended credentials */
	ERR_EXPIRED,   /* was good, is no longer */
	ERR_COUNT
};

/* The code's name, for logs; never NULL. */
const char *err_name(enum err err);

#endif
