#include "daemon/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* TLS 1.2 suites; those of TLS 1.3 are all authenticated. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct tls {
	char *cert_path; /* owned: settings may be read again */
	char *key_path;
	SSL_CTX *loaded; /* owned: holds the certificate, its chain and its key */
	SSL_CTX *served; /* the library's */
};

/* The first of the errors on OpenSSL's list: the cause of the others. */
static const char *first_fault(void)
{
	unsigned long code = ERR_peek_error();
	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	return text ? text : "it cannot be read";
}

/* There is nobody who could type a passphrase. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static enum err load(const struct tls *tls, SSL_CTX **out, struct buf *why)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return ERR_NOMEM;
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_path) != 1) {
		buf_fmt(why,
			"TLS_CERT: %s holds no certificate that can be used (%s). Name a PEM file that the "
			"daemon's user can read, the server's certificate first, then its chain.",
			tls->cert_path, first_fault());
	} else if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_path, SSL_FILETYPE_PEM) != 1) {
		buf_fmt(why,
			"TLS_KEY: %s holds no key for that certificate that can be used (%s). Name the PEM "
			"file "
			"of its private key, without a passphrase, that the daemon's user can read.",
			tls->key_path, first_fault());
	} else if (SSL_CTX_check_private_key(ctx) != 1) {
		buf_fmt(why, "TLS_KEY: the key in %s does not belong to the certificate in %s. Name a pair.",
			tls->key_path, tls->cert_path);
	} else {
		*out = ctx;
		return ERR_OK;
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return ERR_INVALID;
}

/* Gives one context's certificate, chain and key to another, for the connections it will make. */
static bool hand_over(SSL_CTX *from, SSL_CTX *to)
{
	STACK_OF(X509) *chain = NULL;
	if (SSL_CTX_get0_chain_certs(from, &chain) != 1)
		return false;
	return SSL_CTX_use_cert_and_key(
		       to, SSL_CTX_get0_certificate(from), SSL_CTX_get0_privatekey(from), chain, 1) == 1;
}

enum err tls_open(const char *cert_path, const char *key_path, struct tls **out, struct buf *why)
{
	if (!cert_path || !key_path) {
		buf_fmt(why, "%s is not set: TLS needs TLS_CERT and TLS_KEY. Set both, or neither.",
			cert_path ? "TLS_KEY" : "TLS_CERT");
		return ERR_INVALID;
	}
	struct tls *tls = calloc(1, sizeof *tls);
	if (!tls)
		return ERR_NOMEM;
	tls->cert_path = strdup(cert_path);
	tls->key_path = strdup(key_path);
	enum err err = tls->cert_path && tls->key_path ? load(tls, &tls->loaded, why) : ERR_NOMEM;
	if (err) {
		tls_close(tls);
		return err;
	}
	*out = tls;
	return ERR_OK;
}

void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->loaded);
	free(tls->cert_path);
	free(tls->key_path);
	free(tls);
}

enum err tls_setup(struct tls *tls, void *ssl_ctx)
{
	SSL_CTX *ctx = ssl_ctx;
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		return ERR_INVALID;
	SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* A write may take less than it was given, as on a plain socket. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (!hand_over(tls->loaded, ctx))
		return ERR_NOMEM;
	tls->served = ctx;
	return ERR_OK;
}

enum err tls_reload(struct tls *tls, struct buf *why)
{
	SSL_CTX *fresh = NULL;
	enum err err = load(tls, &fresh, why);
	if (err)
		return err;
	if (!hand_over(fresh, tls->served)) {
		SSL_CTX_free(fresh);
		return ERR_NOMEM;
	}
	SSL_CTX_free(tls->loaded);
	tls->loaded = fresh;
	return ERR_OK;
}

ssize_t tls_write(void *ssl, const void *bytes, size_t len)
{
	size_t taken = 0;
	ERR_clear_error();
	if (SSL_write_ex(ssl, bytes, len, &taken) == 1)
		return (ssize_t)taken;
	int why = SSL_get_error(ssl, 0);
	ERR_clear_error();
	return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
}
