/*
 * Asking on the terminal: a line, or a password without echo. Elsewhere the first line of standard input.
 */
#ifndef TSUZUKI_CLIENTS_CLI_PASSWORD_H
#define TSUZUKI_CLIENTS_CLI_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

/* Somebody sits in front of standard input and standard error. */
bool ask_can(void);
/* One line, without its end; false: there is none, or it does not fit. prompt is said on standard error. */
bool ask_line(const char *prompt, char *out, size_t size);
/* The same without echo on a terminal. Interrupted, the terminal is left as it was. */
bool ask_password(const char *prompt, char *out, size_t size);

#endif
