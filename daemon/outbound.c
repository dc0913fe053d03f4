#include "daemon/outbound.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mail_text.h"

enum { OUTBOUND_SECONDS = 30, ADDRESS_MAX = 400, URL_MAX = 512 };

struct upload {
	struct str rest;
};

static size_t read_message(char *out, size_t size, size_t count, void *context)
{
	struct upload *u = context;
	size_t len = size * count < u->rest.len ? size * count : u->rest.len;
	if (len)
		memcpy(out, u->rest.ptr, len);
	u->rest.ptr += len;
	u->rest.len -= len;
	return len;
}

/* "<address>" as SMTP commands want it; an address that could smuggle a second command in is refused. */
static bool envelope(const char *mailbox, char out[ADDRESS_MAX])
{
	struct str name;
	struct str address;
	if (!mail_text_mailbox(str_from(mailbox), &name, &address) || address.len + 3 > ADDRESS_MAX)
		return false;
	out[0] = '<';
	memcpy(out + 1, address.ptr, address.len);
	memcpy(out + 1 + address.len, ">", 2);
	return true;
}

static CURLcode set_tls(CURL *curl, const struct outbound_mail *m)
{
	/* The variable that OpenSSL's own programs take: a home server's relay often has a certificate of its
	 * own CA. */
	const char *ca = getenv("SSL_CERT_FILE");
	CURLcode code = CURLE_OK;
	if (m->tls == MAIL_STARTTLS)
		code = curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	if (!code && ca && ca[0])
		code = curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	return code;
}

static CURLcode set_login(CURL *curl, const struct outbound_mail *m)
{
	if (!m->user)
		return CURLE_OK;
	CURLcode code = curl_easy_setopt(curl, CURLOPT_USERNAME, m->user);
	return code ? code : curl_easy_setopt(curl, CURLOPT_PASSWORD, m->pass ? m->pass : "");
}

static CURLcode set_all(CURL *curl, const struct outbound_mail *m, const char *url, const char *from,
	const struct curl_slist *to, struct upload *upload)
{
	CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)OUTBOUND_SECONDS);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_message);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_READDATA, upload);
	if (!code)
		code = curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	if (!code)
		code = set_tls(curl, m);
	return code ? code : set_login(curl, m);
}

/* What went wrong, by libcurl's fixed texts: a server's own words may hold the recipient. */
static enum err judge(CURL *curl, CURLcode code, struct buf *why)
{
	long response = 0;
	if (!code)
		return ERR_OK;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response);
	buf_text(why, curl_easy_strerror(code));
	if (response)
		buf_fmt(why, " (the relay answered %ld)", response);
	/* A refused log-in or a missing TLS is the operator's to mend, so it is worth another try. */
	bool final = response >= 500 && response < 600 && code == CURLE_SEND_ERROR;
	return final ? ERR_INVALID : code == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_IO;
}

enum err outbound_send(const struct outbound_mail *m, struct buf *why)
{
	char from[ADDRESS_MAX];
	char to[ADDRESS_MAX];
	struct upload upload = {m->message};
	struct buf url = buf_make(URL_MAX);
	enum err err = ERR_INVALID;
	if (!envelope(m->from, from) || !envelope(m->to, to)) {
		buf_text(why, "the sender's or the recipient's address cannot be used");
		return err;
	}
	bool ipv6 = strchr(m->host, ':') != NULL;
	buf_fmt(&url, "%s://%s%s%s:%u", m->tls == MAIL_IMPLICIT ? "smtps" : "smtp", ipv6 ? "[" : "", m->host,
		ipv6 ? "]" : "", m->port);
	CURL *curl = curl_easy_init();
	struct curl_slist *list = curl_slist_append(NULL, to);
	if (!curl || !list || !buf_ok(&url)) {
		err = ERR_NOMEM;
		buf_text(why, "out of memory");
	} else {
		CURLcode code = set_all(curl, m, url.ptr, from, list, &upload);
		if (!code)
			code = curl_easy_perform(curl);
		err = judge(curl, code, why);
	}
	curl_slist_free_all(list);
	curl_easy_cleanup(curl);
	buf_free(&url);
	return err;
}
