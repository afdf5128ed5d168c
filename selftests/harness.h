/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Named cases, each forked into a process group of its own with a time limit,
 * reported as KTAP.
 *
 * A failed check counts from anywhere: from the case, its threads and every
 * process that it forked.
 */
#ifndef LANES_SELFTESTS_HARNESS_H
#define LANES_SELFTESTS_HARNESS_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HARNESS_TIMEOUT_S 30

/**
 * struct harness_case - one named case
 * @name: the code or promise and the circumstance, as in accept__eintr
 * @run: the body; what it leaves running is killed
 * @arg: handed to @run, for cases made from a table
 * @timeout_s: limit on a stock kernel; LANES_SLOW multiplies it
 */
struct harness_case {
	const char *name;
	void (*run)(const void *arg);
	const void *arg;
	int timeout_s;
};

void harness_add(const struct harness_case *c);

/* In the case's order of definition, before main(). */
#define TEST_TIMEOUT(name_, timeout_s_)					\
	static void name_(const void *arg);				\
	__attribute__((constructor)) static void name_##__add(void)	\
	{								\
		static const struct harness_case c = {			\
			.name = #name_,					\
			.run = name_,					\
			.timeout_s = (timeout_s_),			\
		};							\
									\
		harness_add(&c);					\
	}								\
	static void name_(const void *arg __attribute__((unused)))

#define TEST(name_) TEST_TIMEOUT(name_, HARNESS_TIMEOUT_S)

/* A case more of @name_, with the string @arg_: name__ARG. */
#define TEST_CASE(name_, suffix_, arg_, timeout_s_)			\
	__attribute__((constructor)) static void			\
	name_##__add_##suffix_(void)					\
	{								\
		static const struct harness_case c = {			\
			.name = #name_ "__" #suffix_,			\
			.run = name_,					\
			.arg = (arg_),					\
			.timeout_s = (timeout_s_),			\
		};							\
									\
		harness_add(&c);					\
	}

__attribute__((format(printf, 1, 2))) void harness_diag(const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void
harness_failed(const char *file, int line, const char *fmt, ...);
__attribute__((noreturn)) void harness_end(void);
__attribute__((noreturn, format(printf, 1, 2))) void
harness_skip(const char *fmt, ...);
bool harness_has_failed(void);

/* Go on after a failure. True if the check held. */
#define CHECK(cond)							\
	({								\
		bool held_ = (cond);					\
									\
		if (!held_)						\
			harness_failed(__FILE__, __LINE__, "%s", #cond); \
		held_;							\
	})

/* Both sides are printed. */
#define CHECK_OP(a, op, b)						\
	({								\
		long long a_ = (a), b_ = (b);				\
		bool held_ = a_ op b_;					\
									\
		if (!held_)						\
			harness_failed(__FILE__, __LINE__,		\
				       "%s %s %s: %lld, %lld",		\
				       #a, #op, #b, a_, b_);		\
		held_;							\
	})
#define CHECK_EQ(a, b) CHECK_OP(a, ==, b)

/* The call must fail with exactly this errno. */
#define CHECK_ERRNO(call, errno_)					\
	({								\
		long ret_ = ((errno = 0), (call));			\
		int got_ = ret_ < 0 ? errno : 0;			\
		bool held_ = ret_ < 0 && got_ == (errno_);		\
									\
		if (!held_)						\
			harness_failed(__FILE__, __LINE__,		\
				       "%s: returned %ld (%s), wanted %s", \
				       #call, ret_, strerror(got_),	\
				       strerror(errno_));		\
		held_;							\
	})

/* The case cannot go on after these. */
#define ASSERT(cond)							\
	do {								\
		if (!CHECK(cond))					\
			harness_end();					\
	} while (0)
#define ASSERT_OP(a, op, b)						\
	do {								\
		if (!CHECK_OP(a, op, b))				\
			harness_end();					\
	} while (0)
#define ASSERT_EQ(a, b) ASSERT_OP(a, ==, b)

/* A system call that must work; its value. */
#define MUST(call)							\
	({								\
		long ret_ = (long)(call);				\
									\
		if (ret_ < 0) {						\
			harness_failed(__FILE__, __LINE__, "%s: %s",	\
				       #call, strerror(errno));		\
			harness_end();					\
		}							\
		ret_;							\
	})

#define SKIP(...) harness_skip(__VA_ARGS__)

/* A positive integer from the environment. */
int harness_env(const char *name, int fallback);
/* How many times slower than a stock kernel the kernel is: LANES_SLOW. */
int harness_slow(void);

#endif
