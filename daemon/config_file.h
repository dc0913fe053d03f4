/*
 * The file of KEY=VALUE lines: reading it and splitting it, without knowing what the keys mean.
 *
 * The form is that of dotenv: blank lines, lines that begin with '#', an optional "export ", blanks around
 * '=', a value in single, double or back quotes (in double ones \n and \r are line ends), and a comment
 * behind white space and '#'. Where dotenv guesses or readers differ, the line is refused: a quote that is
 * not closed, text behind a closing quote, a '#' inside an unquoted value, bytes that are no UTF-8.
 */
#ifndef TSUZUKI_DAEMON_CONFIG_FILE_H
#define TSUZUKI_DAEMON_CONFIG_FILE_H

#include "sync/base/arena.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

/*
 * The file's bytes into *out (whose ceiling is LIMIT_CONFIG_FILE). ERR_NOT_FOUND: there is none. ERR_INVALID:
 * it cannot be read, is larger than *out may be, or holds a NUL byte. *why then names the file and the fix.
 * The caller wipes *out: it may hold secrets.
 */
enum err config_file_read(const char *path, struct buf *out, struct buf *why);

struct config_line {
	struct str key;
	struct str value; /* in the arena, or a slice of the text */
	unsigned line;	  /* from 1 */
};

/*
 * Cuts the next KEY=VALUE line off *rest; *line counts on. false: there is none left (*fault NULL), or it is
 * refused: *fault is a static sentence that says what to do, out->line where.
 */
bool config_file_next(
	struct str *rest, unsigned *line, struct arena *arena, struct config_line *out, const char **fault);

#endif
