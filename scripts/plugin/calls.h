/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who called the kernel's code that runs: of each kernel stack the calls that
 * have not returned, as the accesses of call and ret to the stack tell. A frame
 * that is left in another way is gone with the next call or ret above it.
 *
 * A chain of callers is a node of a tree, which has only those that were asked
 * for: node 0 is nobody.
 */
#ifndef LANES_PLUGIN_CALLS_H
#define LANES_PLUGIN_CALLS_H

#include <stdlib.h>

#include "window.h"

/* Of a task, and of interrupts. */
#define STACK_SHIFT	14
#define STACK_SLOTS	(1 << 10)
#define DEPTH_MAX	128
#define CALLERS_MAX	(1 << 18)

struct frame {
	/* Where on the stack the return address is. */
	uint64_t slot;
	/* The call's. */
	uint64_t pc;
};

struct stack {
	struct stack *next;
	uint64_t number;
	unsigned int depth;
	struct frame frames[DEPTH_MAX];
};

struct caller {
	uint32_t parent;
	uint64_t pc;
};

static struct stack *stacks[STACK_SLOTS], *stack_of_vcpu[MAX_VCPUS];
static struct caller callers[CALLERS_MAX];
static uint32_t nr_callers = 1, caller_slots[2 * CALLERS_MAX];

/* The opcode's index, behind the prefixes. */
static inline size_t opcode_of(const uint8_t *code, size_t size, bool *locked)
{
	size_t i = 0;

	*locked = false;
	while (i < size && memchr("\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x66\x67", code[i], 11))
		*locked |= code[i++] == 0xf0;
	if (i < size && (code[i] & 0xf0) == 0x40)
		i++;
	return i;
}

static inline bool is_call_or_ret(const struct qemu_plugin_insn *insn)
{
	uint8_t code[16];
	const size_t size = qemu_plugin_insn_data(insn, code, sizeof(code));
	bool locked;
	const size_t i = opcode_of(code, size, &locked);

	if (i >= size)
		return false;
	if (code[i] == 0xff)
		return i + 1 < size && (code[i + 1] >> 3 & 7) == 2;
	return code[i] == 0xe8 || code[i] == 0xc2 || code[i] == 0xc3;
}

static inline struct stack *find_stack(unsigned int vcpu, uint64_t slot)
{
	const uint64_t number = slot >> STACK_SHIFT;
	struct stack **list = &stacks[number % STACK_SLOTS];
	struct stack *stack = stack_of_vcpu[vcpu];

	if (stack && stack->number == number)
		return stack;
	for (stack = *list; stack && stack->number != number; stack = stack->next)
		;
	if (!stack) {
		stack = calloc(1, sizeof(*stack));
		if (!stack) {
			perror("lines: stacks");
			exit(1);
		}
		stack->number = number;
		stack->next = *list;
		*list = stack;
	}
	stack_of_vcpu[vcpu] = stack;
	return stack;
}

/* For each access to memory by a call or ret of the kernel's. */
static inline void follow_call(unsigned int vcpu, uint64_t slot, bool store, uint64_t pc)
{
	struct stack *stack = find_stack(vcpu, slot);

	while (stack->depth && stack->frames[stack->depth - 1].slot <= slot)
		stack->depth--;
	if (store && stack->depth < DEPTH_MAX)
		stack->frames[stack->depth++] = (struct frame){ .slot = slot, .pc = pc };
}

static inline void forget_callers(void)
{
	nr_callers = 1;
	memset(caller_slots, 0, sizeof(caller_slots));
}

static inline uint32_t caller_node(uint32_t parent, uint64_t pc)
{
	const uint64_t hash = (pc * 31 + parent) * 0x9e3779b97f4a7c15ULL;

	for (size_t i = hash >> 32;; i++) {
		uint32_t *node = &caller_slots[i % (2 * CALLERS_MAX)];

		if (*node && (callers[*node].parent != parent || callers[*node].pc != pc))
			continue;
		if (!*node) {
			if (nr_callers == CALLERS_MAX) {
				fprintf(stderr, "lines: more than %d callers\n", CALLERS_MAX);
				exit(1);
			}
			*node = nr_callers++;
			callers[*node] = (struct caller){ .parent = parent, .pc = pc };
		}
		return *node;
	}
}

/* Of the code that the vCPU runs. */
static inline uint32_t who_called(unsigned int vcpu)
{
	const struct stack *stack = stack_of_vcpu[vcpu];
	uint32_t node = 0;

	for (unsigned int i = 0; stack && i < stack->depth; i++)
		node = caller_node(node, stack->frames[i].pc);
	return node;
}

#endif
