/*
 * Every bound of the daemon, side by side. Bounds of the data itself (field lengths) stand in
 * schema/registers.def.
 */
#ifndef TSUZUKI_DAEMON_LIMITS_H
#define TSUZUKI_DAEMON_LIMITS_H

enum {
	/* HTTP */
	LIMIT_BODY = 64 * 1024,		   /* bytes of a request body, unless its route says otherwise */
	LIMIT_SYNC_BODY = 4 * 1024 * 1024, /* bytes of a push */
	LIMIT_BODY_DRAIN =
		1024 * 1024,	   /* bytes of a refused body that are read before the connection closes */
	LIMIT_URI = 4096,	   /* bytes of path and query */
	LIMIT_HEADER_VALUE = 4096, /* bytes of one header that we read */
	LIMIT_QUERY = 16,	   /* parameters of a query string */
	LIMIT_JSON_DEPTH = 64,	   /* nesting of a JSON body */
	LIMIT_HEADERS_MS = 6000,   /* from the connection's opening (or the last reply) to complete headers */
	LIMIT_BODY_MS = 15000,	   /* from complete headers to the complete body */
	LIMIT_IDLE_MS = 65000,	   /* keep-alive without a request */
	LIMIT_REPLY_MS = 60000,	   /* for a client to take a whole reply */
	LIMIT_LINGER_MS = 2000,	   /* for a client to take a last reply, once our side is shut */
	LIMIT_ACCEPTS = 64,	   /* connections accepted in a row */
	LIMIT_SEND = 64 * 1024,	   /* bytes of a reply's body that are written at once */
	LIMIT_RESPONSE = 64 * 1024 * 1024, /* bytes of one reply */
	LIMIT_ARENA = 8 * 1024 * 1024,	   /* bytes that one request or job takes for itself */
	LIMIT_ADDRESSES = 16384,     /* addresses and devices remembered by the rate limiter, each table */
	LIMIT_DESCRIPTORS = 65536,   /* of the process: libwebsockets has 16 bytes of tables for each */
	LIMIT_DESCRIPTORS_KEPT = 64, /* descriptors kept back for files, the store and outbound mail */

	/* The live channel */
	LIMIT_LIVE_FRAME = 256 * 1024, /* bytes of a frame that comes, all its fragments together */
	LIMIT_LIVE_HELLO = 16 * 1024,  /* the same as long as nobody has said hello */
	LIMIT_LIVE_FRAME_MS = 15000,   /* from a frame's first fragment to its last */
	LIMIT_LIVE_HELLO_MS = 10000,   /* from the opening to hello */
	LIMIT_LIVE_OPS = 100,	       /* ops of a `sync` frame */
	LIMIT_LIVE_AHEAD = 64,	       /* frames of a connection taken but not answered, answers not sent */
	LIMIT_LIVE_QUEUE = 256 * 1024, /* bytes of answers not sent, above which no more frames are read */
	LIMIT_LIVE_OUT = 4 * 1024 * 1024, /* bytes of a frame that goes */
	LIMIT_LIVE_TOLD = 64, /* items of a connection that acks told and its cursor does not cover yet */
	LIMIT_LIVE_PING_MS = 45000, /* between two pings; `heartbeat` of welcome */
	LIMIT_LIVE_CLOSE_MS = 1000, /* from the decision to close to the end of the connection */
	LIMIT_LIVE_STRIKES = 10, /* windows in a row of which a tenth was enough to use up RATE_LIMIT_LIVE */
	LIMIT_LIVE_RETRY_S = 3,	 /* `retryAfter` of bye */

	/* Queues */
	LIMIT_QUEUE_OPS = 16384, /* ops waiting for the store */
	LIMIT_GROUP_OPS = 4096,	 /* ops in one transaction */
	LIMIT_HASH_QUEUE = 64,	 /* passwords waiting for a worker */
	LIMIT_HASH_AT_ONCE = 2,
	LIMIT_READ_QUEUE = 64,	/* large reads waiting for a worker */
	LIMIT_READ_ROWS = 2000, /* rows above which a read goes to a worker */
	LIMIT_DELTA_ROWS = 200, /* the same of a delta, whose rows are whole items */

	/* Accounts */
	LIMIT_DEVICES = 100, /* a user */
	LIMIT_SESSIONS_PER_DEVICE = 8,
	LIMIT_PASSWORD = 1024,	       /* bytes */
	LIMIT_EMAIL = 254,	       /* bytes */
	LIMIT_DEVICE_NAME = 100,       /* characters */
	LIMIT_SLOW_ACCOUNTS = 4096,    /* accounts whose failed log-ins are remembered */
	LIMIT_SLOW_WAITING = 256,      /* log-ins that are made to wait at a time */
	LIMIT_TOKEN = 1024,	       /* bytes of a token that is looked at */
	LIMIT_TOKEN_CACHE = 65536,     /* verified tokens remembered */
	LIMIT_DEVICE_SEEN_MS = 300000, /* a device's lastSeen is at most this stale */

	/* Mail */
	LIMIT_MAILS_PER_HOUR = 3, /* an account */
	LIMIT_MAIL_ATTEMPTS = 12,
	LIMIT_MAIL_SEND_MS = 30000, /* one attempt in all, name lookup included */
	LIMIT_OWED_MAIL = 10000,    /* rows of owed mail */
	LIMIT_RESET_MS = 3600000,   /* a mailed password works this long */

	/* Backups */
	LIMIT_BACKUP_FIRST_MS = 600000, /* from a start to the first backup there ever was */
	LIMIT_BACKUP_START_MS = 60000,	/* from a start to one that is overdue */
	LIMIT_BACKUP_AGAIN_MS = 60000,	/* from a failure to the next try; doubled with each */
	LIMIT_BACKUP_AGAIN_MOST_MS = 3600000,

	/* Administration */
	LIMIT_CONTROL_LINE = 16 * 1024,	   /* bytes of a request on the control socket, and of its answer */
	LIMIT_CONTROL_CONNECTIONS = 8,	   /* on the control socket; one more is closed */
	LIMIT_CONTROL_MS = 5000,	   /* to send a whole request, and to take its answer */
	LIMIT_CONTROL_WAIT_MS = 30000,	   /* that a command waits for the answer of a daemon */
	LIMIT_CONTROL_BACKUP_MS = 3600000, /* the same of one that has a backup made */
	LIMIT_LOCK_WAIT_MS = 5000, /* that a command waits for a daemon that is starting or stopping */

	/* Settings, secrets and logs */
	LIMIT_CONFIG_FILE = 1024 * 1024,       /* bytes of the settings file */
	LIMIT_CONFIG_MEMORY = 4 * 1024 * 1024, /* bytes that one set of settings takes */
	LIMIT_LOG_LINE = 4096,	/* bytes of a line, its end included; PIPE_BUF, so that it stays whole */
	LIMIT_BCRYPT_COST = 16, /* of an imported hash: about five seconds; one above it is denied */

	/* The loop */
	LIMIT_TICK_MS = 100,
	LIMIT_STOP_GRACE_MS = 500, /* for requests on their way when the daemon stops */
	LIMIT_STOP_MS = 4000	   /* for replies under way when the daemon stops */
};

#endif
