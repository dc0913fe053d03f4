/*
 * Addresses, networks and X-Forwarded-For. What is read is written and reads back; whom a proxy asks for is
 * the peer or somebody in its list, and never a trusted one to the right of whom another stands.
 */
#include "daemon/address.h"
#include "tests/fuzz/fuzz.h"

static bool same(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void check_address(struct str text)
{
	static const struct address unknown;
	struct address a, again = unknown;
	char written[ADDRESS_TEXT_SIZE];
	if (!address_parse(text, &a))
		return;
	address_text(&a, written);
	CHECK(strlen(written) > 0 && strlen(written) < ADDRESS_TEXT_SIZE);
	if (!same(&a, &unknown)) {
		CHECK(address_parse(str_from(written), &again));
		CHECK(same(&a, &again));
	}
	struct address counted = address_counted(&a);
	struct address twice = address_counted(&counted);
	CHECK(same(&counted, &twice));
	CHECK(address_loopback(&a) == address_loopback(&again) || same(&a, &unknown));
}

static void check_network(struct str text)
{
	struct network n;
	if (!network_parse(text, &n))
		return;
	CHECK(n.bits <= 128);
	CHECK(network_holds(&n, &n.address));
	struct address other = n.address;
	if (n.bits < 128)
		other.bytes[15] ^= 1;
	CHECK(network_holds(&n, &other));
	if (n.bits > 0) {
		other.bytes[(n.bits - 1) / 8] ^= (unsigned char)(0x80 >> (n.bits - 1) % 8);
		CHECK(!network_holds(&n, &other));
	}
}

/* The index of the last ',' before end, plus one: where the last entry begins. */
static size_t last_entry(struct str list, size_t end)
{
	while (end > 0 && list.ptr[end - 1] != ',')
		end--;
	return end;
}

/* Whether a stands for an entry of the list, and everything right of it is trusted. */
static bool is_client(const struct network *trusted, struct str list, const struct address *a)
{
	struct address entry;
	for (size_t end = list.len, start; end > 0; end = start ? start - 1 : 0) {
		start = last_entry(list, end);
		if (!address_parse(str_trim((struct str){list.ptr + start, end - start}), &entry))
			return false;
		if (same(&entry, a))
			return true;
		if (!network_holds(trusted, &entry))
			return false;
	}
	return false;
}

static void check_forwarded(struct str list)
{
	static const struct address peer = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
	struct network trusted;
	struct address last;
	CHECK(network_parse(STR("10.0.0.0/8"), &trusted));
	struct address alone = address_forwarded(&trusted, 0, list, &peer);
	struct address client = address_forwarded(&trusted, 1, list, &peer);
	/* Where nobody is trusted the last entry counts, if it can be read. */
	size_t start = last_entry(list, list.len);
	bool read =
		list.len && address_parse(str_trim((struct str){list.ptr + start, list.len - start}), &last);
	CHECK(same(&alone, read ? &last : &peer));
	CHECK(same(&client, &peer) || is_client(&trusted, list, &client));
	/* Whoever is outside and stands last is the one, whatever else the client wrote before. */
	if (!network_holds(&trusted, &alone))
		CHECK(same(&client, &alone));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = input_make(data, size);
	check_address(text);
	check_network(text);
	check_forwarded(text);
	return 0;
}
