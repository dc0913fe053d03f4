#include "clients/c/remote.h"

#include <string.h>
#include <strings.h>

#include "clients/c/curl_lib.h"

enum { REPLY_BYTES = 64 * 1024 * 1024, CONNECT_MS = 1500, ADDRESS_BYTES = 4096, HEADER_BYTES = 8192 };

/* --- addresses --- */

static bool is_here(struct str host)
{
	return str_eq_fold(host, STR("localhost")) || str_starts(host, STR("127.")) ||
	       str_starts(host, STR("[::1]"));
}

/* The host of what follows the scheme. */
static struct str host_of(struct str rest)
{
	struct str authority = {rest.ptr, str_find(rest, '/')};
	size_t len = authority.len && authority.ptr[0] == '[' ? str_find(authority, ']') + 1
							      : str_find(authority, ':');
	return (struct str){authority.ptr, len < authority.len ? len : authority.len};
}

bool remote_url(const char *text, char *out, size_t size)
{
	struct str s = str_trim(str_from(text));
	struct str scheme = STR("");
	for (size_t i = 0; i + 3 <= s.len && scheme.len == 0; i++)
		if (memcmp(s.ptr + i, "://", 3) == 0)
			scheme = (struct str){s.ptr, i + 3};
	struct str rest = {s.ptr + scheme.len, s.len - scheme.len};
	while (rest.len && rest.ptr[rest.len - 1] == '/')
		rest.len--;
	struct str host = host_of(rest);
	bool plain = scheme.len ? str_eq_fold(scheme, STR("http://")) : is_here(host);
	if (scheme.len && !plain && !str_eq_fold(scheme, STR("https://")))
		return false;
	/* Nobody's name and password belong in an address, nor a query behind it. */
	if (host.len == 0 || (host.ptr[0] == '[' && host.ptr[host.len - 1] != ']') || str_has_control(rest) ||
		!str_utf8(rest) || str_find(rest, '@') < rest.len || str_find(rest, '?') < rest.len ||
		str_find(rest, '#') < rest.len || str_find(rest, ' ') < rest.len)
		return false;
	struct buf b = buf_make(size - 1);
	buf_text(&b, plain ? "http://" : "https://");
	buf_add_str(&b, rest);
	bool good = buf_ok(&b) && tokens_set(out, size, b.ptr);
	buf_free(&b);
	return good;
}

/* --- one call --- */

struct calling {
	const struct curl_lib *lib;
	CURL *curl;		    /* owned */
	struct curl_slist *headers; /* owned */
	struct buf body;	    /* of the reply */
	char why[CURL_ERROR_SIZE];
	curl_off_t later; /* seconds of Retry-After */
};

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct calling *c = context;
	buf_add(&c->body, bytes, size * count);
	return buf_ok(&c->body) ? size * count : 0;
}

static bool add_header(struct calling *c, const char *text)
{
	struct curl_slist *longer = c->lib->slist_append(c->headers, text);
	if (longer)
		c->headers = longer;
	return longer != NULL;
}

static bool set_headers(struct calling *c, const struct remote_call *call)
{
	struct buf header = buf_make(HEADER_BYTES);
	bool good = add_header(c, "Accept: application/json") && add_header(c, "Expect:");
	if (call->body.len)
		good = good && add_header(c, "Content-Type: application/json");
	if (call->token) {
		buf_fmt(&header, "Authorization: Bearer %s", call->token);
		good = good && buf_ok(&header) && add_header(c, header.ptr);
	}
	buf_free(&header);
	return good;
}

#define SET(option, value) good = good && c->lib->easy_setopt(c->curl, (option), (value)) == CURLE_OK

static bool set_up(struct calling *c, const struct tsz *t, const struct remote_call *call)
{
	struct buf url = buf_make(ADDRESS_BYTES);
	int64_t left = call->deadline - tsz_now().mono_ms;
	long timeout = left < 1 ? 1 : left > INT32_MAX ? INT32_MAX : (long)left;
	buf_fmt(&url, "%s%s", t->tokens.url, call->path);
	bool good = buf_ok(&url) && set_headers(c, call);
	SET(CURLOPT_URL, url.ptr);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* A name that nobody answers for is not waited for at the end either. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_TIMEOUT_MS, timeout);
	SET(CURLOPT_CONNECTTIMEOUT_MS, timeout < CONNECT_MS ? timeout : (long)CONNECT_MS);
	SET(CURLOPT_USERAGENT, "tsuzuki/" TSUZUKI_VERSION);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_ERRORBUFFER, c->why);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, c);
	if (t->tokens.ca_file[0]) {
		SET(CURLOPT_CAINFO, t->tokens.ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (call->body.len || strcmp(call->method, "POST") == 0) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
		SET(CURLOPT_POSTFIELDS, call->body.len ? call->body.ptr : "");
	}
	SET(CURLOPT_CUSTOMREQUEST, call->method);
	buf_free(&url);
	return good;
}
#undef SET

static enum tsz_code not_reached(struct tsz *t, struct calling *c, CURLcode result)
{
	const char *why = c->why[0] ? c->why : c->lib->easy_strerror(result);
	switch (result) {
	case CURLE_OUT_OF_MEMORY:
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return tsz_fail(t, TSZ_AWAY,
			"The certificate of %s does not prove that it is that server: %s. If it is your own, "
			"log in with --ca FILE.",
			t->tokens.url, why);
	case CURLE_COULDNT_CONNECT:
		return tsz_fail(
			t, TSZ_AWAY, "%s cannot be reached: nothing takes calls there.", t->tokens.url);
	case CURLE_COULDNT_RESOLVE_HOST:
		return tsz_fail(
			t, TSZ_AWAY, "%s cannot be reached: no network, or no such name.", t->tokens.url);
	case CURLE_OPERATION_TIMEDOUT:
		return tsz_fail(t, TSZ_AWAY, "%s cannot be reached: no answer in time.", t->tokens.url);
	case CURLE_WRITE_ERROR:
		return tsz_fail(t, TSZ_AWAY, "%s answered more than can be taken.", t->tokens.url);
	default:
		return tsz_fail(t, TSZ_AWAY, "%s cannot be reached: %s.", t->tokens.url, why);
	}
}

/* Whether it is a tsuzuki server's reply, and one to be acted on now. */
static enum tsz_code judge(struct tsz *t, struct calling *c, struct remote_reply *out)
{
	(void)c->lib->easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &out->status);
	(void)c->lib->easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &c->later);
	if (c->body.len)
		out->json = json_loadb(c->body.ptr, c->body.len, JSON_REJECT_DUPLICATES, NULL);
	if (out->status == 429)
		return tsz_fail(t, TSZ_AWAY, "%s asks to come again in %lld s: too many requests.",
			t->tokens.url, (long long)c->later);
	if (out->status >= 500)
		return tsz_fail(t, TSZ_AWAY, "%s cannot serve now (%ld%s%s).", t->tokens.url, out->status,
			remote_message(out)[0] ? ": " : "", remote_message(out));
	if (!json_is_object(out->json) || !json_is_boolean(json_object_get(out->json, "success")))
		return tsz_fail(t, TSZ_AWAY,
			"%s does not answer as a tsuzuki server does (status %ld). Is the address right, or "
			"does the network's own log-in page stand between?",
			t->tokens.url, out->status);
	return TSZ_OK;
}

enum tsz_code remote_call(struct tsz *t, const struct remote_call *call, struct remote_reply *out)
{
	struct calling c = {.lib = curl_lib(), .body = buf_make(REPLY_BYTES)};
	enum tsz_code code = TSZ_OK;
	*out = (struct remote_reply){.status = 0};
	if (!c.lib)
		return tsz_fail(t, TSZ_AWAY,
			"libcurl (Debian's package libcurl4) cannot be loaded: without it no server is "
			"reached.");
	c.curl = c.lib->easy_init();
	if (c.curl && set_up(&c, t, call)) {
		CURLcode result = c.lib->easy_perform(c.curl);
		code = result == CURLE_OK ? judge(t, &c, out) : not_reached(t, &c, result);
	} else {
		code = tsz_fail(t, TSZ_FAILED, "libcurl cannot be set up for %s.", t->tokens.url);
	}
	if (c.curl)
		c.lib->easy_cleanup(c.curl);
	c.lib->slist_free_all(c.headers);
	buf_free(&c.body);
	return code;
}

void remote_free(struct remote_reply *reply)
{
	json_decref(reply->json);
	*reply = (struct remote_reply){.status = 0};
}

const json_t *remote_data(const struct remote_reply *reply)
{
	return json_object_get(reply->json, "data");
}

const char *remote_message(const struct remote_reply *reply)
{
	const char *text = json_string_value(json_object_get(reply->json, "message"));
	return text ? text : "";
}
