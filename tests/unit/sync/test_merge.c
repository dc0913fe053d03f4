/*
 * The merge, completely for small worlds: whatever the order, the grouping and the repetition of ops, all
 * replicas end with equal items (sync-protocol.md section 4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/base/check.h"
#include "sync/merge.h"

/* An op of the small world: sets one register, or deletes, or clears. */
struct small_op {
	int kind; /* 0 status, 1 rating, 2 delete, 3 clear */
	int ms;
	int device;
	int value;
};

struct small_world {
	struct item item;
	struct stamp cleared;
};

static struct stamp stamp_of(const struct small_op *op)
{
	struct device_id device = {{0}};
	device.bytes[7] = (unsigned char)(op->device + 1);
	return stamp_make(1000 + op->ms, 0, device);
}

static void apply_one(struct small_world *w, const struct small_op *op)
{
	struct stamp stamp = stamp_of(op);
	struct value v;
	memset(&v, 0, sizeof v);
	if (op->kind == 0) {
		v.f[0].s = str_from(status_names[op->value]);
		(void)merge_register(&w->item.cells[REG_STATUS], REG_STATUS, &v, stamp, 1);
	} else if (op->kind == 1) {
		v.f[0].i = op->value + 1;
		(void)merge_register(&w->item.cells[REG_RATING], REG_RATING, &v, stamp, 1);
	} else if (op->kind == 2) {
		(void)merge_stamp(&w->item.deleted, stamp);
	} else {
		(void)merge_stamp(&w->cleared, stamp);
	}
	/* Some replicas erase what is void at once, others later: it must not matter. */
	if ((op->ms + op->device + op->value) % 2)
		item_void_values(&w->item, w->cleared);
}

static void world_init(struct small_world *w)
{
	memset(w, 0, sizeof *w);
	item_init(&w->item, COLLECTION_WATCHLIST, STR("k"));
}

static void assert_same(const struct small_world *a, const struct small_world *b)
{
	static const enum reg regs[] = {REG_STATUS, REG_RATING};
	assert_int_equal(stamp_cmp(a->cleared, b->cleared), 0);
	assert_int_equal(stamp_cmp(a->item.deleted, b->item.deleted), 0);
	assert_int_equal(item_exists(&a->item, a->cleared), item_exists(&b->item, b->cleared));
	for (size_t i = 0; i < COUNT_OF(regs); i++) {
		const struct cell *x = &a->item.cells[regs[i]];
		const struct cell *y = &b->item.cells[regs[i]];
		bool holds = item_holds(&a->item, regs[i], a->cleared);
		assert_int_equal(stamp_cmp(x->stamp, y->stamp), 0);
		assert_int_equal(holds, item_holds(&b->item, regs[i], b->cleared));
		if (holds)
			assert_true(value_eq(regs[i], &x->value, &y->value));
	}
}

enum { KINDS = 4, TIMES = 3, DEVICES = 2, VALUES = 2, OPS = KINDS * TIMES * DEVICES * VALUES };

static void all_ops(struct small_op ops[OPS])
{
	size_t n = 0;
	for (int kind = 0; kind < KINDS; kind++)
		for (int ms = 0; ms < TIMES; ms++)
			for (int device = 0; device < DEVICES; device++)
				for (int value = 0; value < VALUES; value++)
					ops[n++] = (struct small_op){kind, ms, device, value};
}

/* Every three ops out of 48, in all six orders, each also with every op repeated: 110,592 worlds times seven.
 */
static void any_order_and_repetition_of_three_ops_ends_equal(void **state)
{
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct small_op ops[OPS];
	(void)state;
	all_ops(ops);
	for (int i = 0; i < OPS; i++) {
		for (int j = 0; j < OPS; j++) {
			for (int k = 0; k < OPS; k++) {
				const struct small_op *set[3] = {&ops[i], &ops[j], &ops[k]};
				struct small_world first;
				for (int o = 0; o < 6; o++) {
					struct small_world w;
					world_init(&w);
					for (int n = 0; n < 3; n++)
						apply_one(&w, set[orders[o][n]]);
					if (o == 0)
						first = w;
					assert_same(&first, &w);
				}
				for (int n = 0; n < 3; n++)
					apply_one(&first, set[n]);
				struct small_world again;
				world_init(&again);
				for (int n = 0; n < 6; n++)
					apply_one(&again, set[n / 2]);
				assert_same(&first, &again);
			}
		}
	}
}

static void the_greatest_stamp_wins_and_ties_go_to_the_greater_value(void **state)
{
	struct cell cell = {.value = value_default(REG_STATUS)};
	struct device_id device = {{7}};
	struct value low = value_default(REG_STATUS);
	struct value high = value_default(REG_STATUS);
	(void)state;
	low.f[0].s = STR("dropped");
	high.f[0].s = STR("watching");
	assert_int_equal(merge_register(&cell, REG_STATUS, &low, stamp_make(5, 0, device), 1), MERGE_WON);
	assert_int_equal(merge_register(&cell, REG_STATUS, &low, stamp_make(5, 0, device), 2), MERGE_SAME);
	assert_int_equal(cell.row, 1);
	assert_int_equal(merge_register(&cell, REG_STATUS, &high, stamp_make(5, 0, device), 3), MERGE_WON);
	assert_int_equal(merge_register(&cell, REG_STATUS, &low, stamp_make(5, 0, device), 4), MERGE_LOST);
	assert_int_equal(merge_register(&cell, REG_STATUS, &low, stamp_make(4, 9, device), 5), MERGE_LOST);
	assert_int_equal(merge_register(&cell, REG_STATUS, &low, stamp_make(5, 1, device), 6), MERGE_WON);
	assert_int_equal(cell.row, 6);
}

static void descriptive_registers_survive_a_delete(void **state)
{
	struct small_world w;
	struct device_id device = {{1}};
	struct value title = value_default(REG_TITLE);
	struct value rating = value_default(REG_RATING);
	(void)state;
	world_init(&w);
	title.f[0].s = STR("Title");
	rating.f[0] = (struct field){.i = 7};
	(void)merge_register(&w.item.cells[REG_TITLE], REG_TITLE, &title, stamp_make(1, 0, device), 1);
	(void)merge_register(&w.item.cells[REG_RATING], REG_RATING, &rating, stamp_make(1, 0, device), 1);
	(void)merge_stamp(&w.item.deleted, stamp_make(2, 0, device));
	item_void_values(&w.item, w.cleared);
	assert_false(item_exists(&w.item, w.cleared));
	assert_true(str_eq(w.item.cells[REG_TITLE].value.f[0].s, STR("Title")));
	assert_true(w.item.cells[REG_RATING].value.f[0].null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_and_repetition_of_three_ops_ends_equal),
		cmocka_unit_test(the_greatest_stamp_wins_and_ties_go_to_the_greater_value),
		cmocka_unit_test(descriptive_registers_survive_a_delete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
