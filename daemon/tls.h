/*
 * The server's certificate: loaded whole and checked before it is put to use, so that a bad one never
 * replaces a good one. TLS 1.2 and 1.3 with authenticated ciphers only. Loop thread.
 */
#ifndef TSUZUKI_DAEMON_TLS_H
#define TSUZUKI_DAEMON_TLS_H

#include <sys/types.h>

#include "sync/base/buf.h"
#include "sync/base/err.h"

struct tls;

/*
 * Reads a certificate (with its chain) and its key, both PEM files. The paths stay the caller's.
 * ERR_INVALID: *why names the file, what is wrong and what to do; never a part of the key.
 */
enum err tls_open(const char *cert_path, const char *key_path, struct tls **out, struct buf *why);
void tls_close(struct tls *tls);
/* Sets a fresh server context (OpenSSL's SSL_CTX) up; it is remembered for tls_reload(). */
enum err tls_setup(struct tls *tls, void *ssl_ctx);
/* Reads both files again and uses them for new connections. After a failure the old ones stay in use. */
enum err tls_reload(struct tls *tls, struct buf *why);

/* Writes on a connection (OpenSSL's SSL): how many bytes were taken, 0: none for now, -1: the connection
 * failed. */
ssize_t tls_write(void *ssl, const void *bytes, size_t len);

#endif
