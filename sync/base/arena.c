#include "sync/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 2048 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena arena_make(size_t cap)
{
	return (struct arena){.cap = cap};
}

void arena_free(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	while (a->blocks && a->blocks->next) {
		struct arena_block *next = a->blocks->next;
		a->used -= a->blocks->size;
		free(a->blocks);
		a->blocks = next;
	}
	if (a->blocks)
		a->blocks->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	if (size > a->cap)
		return NULL;
	size = (size + align - 1) / align * align;
	struct arena_block *block = a->blocks;
	if (!block || block->size - block->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
		if (a->used > a->cap || room > a->cap + ARENA_BLOCK - a->used)
			return NULL;
		block = malloc(sizeof *block + room);
		if (!block)
			return NULL;
		*block = (struct arena_block){.next = a->blocks, .size = room};
		a->blocks = block;
		a->used += room;
	}
	void *bytes = block->bytes + block->used;
	block->used += size;
	memset(bytes, 0, size);
	return bytes;
}

bool arena_str(struct arena *a, struct str s, struct str *out)
{
	char *copy = arena_alloc(a, s.len + 1);
	if (!copy)
		return false;
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	*out = (struct str){copy, s.len};
	return true;
}
