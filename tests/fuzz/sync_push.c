/*
 * The body of POST /api/sync: read strictly, op by op. What is not marked as refused is within every bound
 * that the store relies on.
 */
#include "daemon/limits.h"
#include "daemon/router_json.h"
#include "sync/wire.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 1000, MEMORY = 64 * 1024 * 1024 };

static void check_set(const struct op *op)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(op->present & 1u << reg))
			continue;
		CHECK(register_defs[reg].collections & 1u << op->collection);
		CHECK(op->event || value_valid((enum reg)reg, &op->values[reg]));
	}
}

static void check_op(const struct push_op *p)
{
	CHECK(p->n >= 0);
	CHECK((p->reject == REJECT_N) == (p->n == 0));
	CHECK((unsigned)p->reject < REJECT_COUNT);
	if (p->reject) {
		CHECK(*reject_code(p->reject));
		CHECK(input_sentence(str_from(reject_message(p->reject))));
		return;
	}
	CHECK((unsigned)p->op.collection < COLLECTION_COUNT);
	CHECK((unsigned)p->op.event < EVENT_COUNT);
	CHECK(p->op.kind == OP_CLEAR || key_valid(p->op.key));
	CHECK(p->op.session.len <= SESSION_MAX);
	CHECK(p->op.age_ms >= -1);
	if (p->op.kind == OP_SET)
		check_set(&p->op);
}

static void check_exchange(const struct exchange_in *in)
{
	CHECK(in->count <= MOST);
	CHECK(in->limit >= 1 && in->limit <= PULL_LIMIT_MAX);
	int64_t last = 0;
	for (size_t i = 0; i < in->count; i++) {
		check_op(&in->ops[i]);
		if (!in->ops[i].n)
			continue;
		CHECK(in->ops[i].n > last);
		last = in->ops[i].n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong = NULL;
	json_t *json = router_json(input_make(data, size), &wrong);
	if (!json)
		return 0;
	struct arena arena = arena_make(MEMORY);
	struct exchange_in in = {0};
	struct wire_fault fault = {0};
	enum err err = wire_exchange(json, MOST, &arena, &in, &fault);
	if (err == ERR_OK) {
		check_exchange(&in);
	} else {
		CHECK(err == ERR_INVALID || err == ERR_NOMEM);
		CHECK(err != ERR_INVALID || (fault.path && fault.message));
	}
	arena_free(&arena);
	json_decref(json);
	return 0;
}
