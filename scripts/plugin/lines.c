// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU TCG plugin: cache-line transfers between vCPUs, and instructions.
 *
 * Each vCPU has an infinite cache of 64-byte lines of guest-physical memory, and
 * a line is modified in one cache, or clean in any number of them. Counted are,
 * of the vCPU that accesses the line:
 *
 *	dirty read	reads a line that is modified in another cache
 *	dirty write	writes one
 *	upgrade		writes a line that it has, and others have too
 *	clean		takes a line that is modified nowhere into its cache
 *
 * Lines are followed from the first mark on, counted between two marks. The
 * vCPUs take short turns, of random length from seed=N, see slice.h: else hardly
 * any line would be fought for.
 *
 * For each window the file out=PATH gets, and an empty line after these:
 *
 *	vcpu VCPU INSNS DIRTY_READS DIRTY_WRITES UPGRADES CLEAN
 *	call CALL PARENT PC
 *	site VCPU PC OBJECT DIRTY UPGRADES TASK CALL
 *	code PC INSNS...
 *
 * CALL numbers a call instruction that a site was reached by, PARENT is the one
 * that this was reached by, 0 is none. TASK is the name of the vCPU's task, also
 * of one that an interrupt stopped. The last one tells of each translated block, by
 * its first instruction's address, the instructions that each vCPU ran in it.
 * OBJECT is a slab cache's name, "=ADDRESS" of a line of the kernel's image,
 * "%OFFSET" of one in a per-CPU area, or "-". PC, ADDRESS and OFFSET are
 * hexadecimal. The guest has to be booted with nokaslr, and arguments tell its
 * layout, see parse().
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "calls.h"
#include "sites.h"
#include "slice.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define LINE_SHIFT	6
#define PAGE_SHIFT	12
#define MEMORY		(4ULL << 30)

/* Without address space randomisation. */
#define KERNEL_TEXT	0xffffffff80000000ULL
#define KERNEL_IMAGE	0x1000000ULL
#define DIRECT_MAP	0xffff888000000000ULL
#define VMEMMAP		0xffffea0000000000ULL
#define STRUCT_PAGE	64
#define COMPOUND_HEAD	8
#define KERNEL_SPACE	(1ULL << 63)

#define TASK_NAME	16

enum event { DIRTY_READ, DIRTY_WRITE, UPGRADE, CLEAN, NR_EVENTS };

struct line {
	uint64_t sharers;
	/* 1 + the vCPU that has it modified, or 0. */
	uint8_t owner;
};

struct block {
	struct block *next;
	uint64_t pc;
	uint32_t size;
	uint32_t runs[];
};

static struct qemu_plugin_scoreboard *board;
static qemu_plugin_u64 insns;
static struct line *lines;
static bool following, counting;
static uint64_t begun[MAX_VCPUS], events[MAX_VCPUS][NR_EVENTS];
/* Of all translations, since QEMU does not tell when one is gone. */
static struct block *blocks;
static uint64_t seed;
static int vcpus;
/* All that find no place are the last one. */
static char tasks[TASKS_MAX][TASK_NAME];
static int nr_tasks;
static FILE *out;
static struct {
	/* Offsets in struct page, slab and kmem_cache, and PGTY_slab. */
	uint64_t page_type, type_slab, slab_cache, name;
	/* Addresses of _end, and of variables. */
	uint64_t image_end, pcpu_base_addr, pcpu_unit_size;
	/* Offsets in a per-CPU area, and in struct task_struct. */
	uint64_t current_task, comm;
} layout;
static GByteArray *bytes;

/* Of the guest's kernel; 0 if it cannot be read. */
static uint64_t read_guest(uint64_t address, size_t size)
{
	uint64_t value = 0;

	if (qemu_plugin_read_memory_vaddr(address, bytes, size))
		memcpy(&value, bytes->data, size);
	return value;
}

static uint8_t current_task(unsigned int vcpu)
{
	const uint64_t area = read_guest(layout.pcpu_base_addr, 8) +
			      read_guest(layout.pcpu_unit_size, 4) * vcpu;
	const uint64_t task = read_guest(area + layout.current_task, 8);
	char name[TASK_NAME] = "";

	if (qemu_plugin_read_memory_vaddr(task + layout.comm, bytes, sizeof(name) - 1))
		memcpy(name, bytes->data, sizeof(name) - 1);
	for (int i = 0; i < nr_tasks; i++)
		if (!strcmp(tasks[i], name))
			return i;
	if (nr_tasks == TASKS_MAX)
		return TASKS_MAX - 1;
	strcpy(tasks[nr_tasks], nr_tasks < TASKS_MAX - 1 ? name : "others");
	return nr_tasks++;
}

static struct site *current_site(unsigned int vcpu, uint64_t line, uint64_t pc)
{
	const struct site key = {
		.pc = pc,
		.line = line + 1,
		.call = pc >= KERNEL_SPACE ? who_called(vcpu) : 0,
		.vcpu = vcpu,
		.task = current_task(vcpu),
	};

	return site_of(&key);
}

static void count(unsigned int vcpu, enum event event, uint64_t line, uint64_t pc)
{
	if (!counting)
		return;
	events[vcpu][event]++;
	if (event == UPGRADE)
		current_site(vcpu, line, pc)->upgrades++;
	else if (event != CLEAN)
		current_site(vcpu, line, pc)->dirty++;
}

static void touch(unsigned int vcpu, uint64_t number, bool store, uint64_t pc)
{
	struct line *line = &lines[number];
	const uint64_t self = 1ULL << vcpu;

	if (line->owner == vcpu + 1)
		return;
	if (line->owner)
		count(vcpu, store ? DIRTY_WRITE : DIRTY_READ, number, pc);
	else if (!(line->sharers & self))
		count(vcpu, CLEAN, number, pc);
	else if (!store)
		return;
	else if (line->sharers != self)
		count(vcpu, UPGRADE, number, pc);
	line->owner = store ? vcpu + 1 : 0;
	line->sharers = store ? self : line->sharers | self;
}

static void access_memory(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *pc)
{
	struct qemu_plugin_hwaddr *where;
	uint64_t first, last;
	bool store;

	if (!following)
		return;
	where = qemu_plugin_get_hwaddr(info, address);
	if (!where || qemu_plugin_hwaddr_is_io(where))
		return;
	first = qemu_plugin_hwaddr_phys_addr(where);
	last = first + (1ULL << qemu_plugin_mem_size_shift(info)) - 1;
	if (last >= MEMORY) {
		fprintf(stderr, "lines: more memory than %llu\n", MEMORY);
		exit(1);
	}
	store = qemu_plugin_mem_is_store(info);
	touch(vcpu, first >> LINE_SHIFT, store, (uint64_t)pc);
	/* Of a second page the address is not known; that is rare. */
	if (last >> LINE_SHIFT != first >> LINE_SHIFT && last >> PAGE_SHIFT == first >> PAGE_SHIFT)
		touch(vcpu, last >> LINE_SHIFT, store, (uint64_t)pc);
}

static void access_of_call(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address,
			   void *pc)
{
	access_memory(vcpu, info, address, pc);
	if (following)
		follow_call(vcpu, address, qemu_plugin_mem_is_store(info), (uint64_t)pc);
}

static void run_block(unsigned int vcpu, void *block)
{
	((struct block *)block)->runs[vcpu] += counting;
}

static void begin(unsigned int vcpu, void *unused)
{
	following = true;
	counting = true;
	memset(events, 0, sizeof(events));
	forget_sites();
	forget_callers();
	for (struct block *b = blocks; b; b = b->next)
		memset(b->runs, 0, vcpus * sizeof(*b->runs));
	for (int i = 0; i < vcpus; i++)
		begun[i] = qemu_plugin_u64_get(insns, i);
}

/* The cache's name if the page is one of slab objects. */
static const char *slab_of(uint64_t line)
{
	static char name[32];
	uint64_t page = VMEMMAP + (line >> (PAGE_SHIFT - LINE_SHIFT)) * STRUCT_PAGE;
	uint64_t head = read_guest(page + COMPOUND_HEAD, 8);
	uint64_t address;

	if (head & 1)
		page = head - 1;
	if (read_guest(page + layout.page_type, 4) >> 24 != layout.type_slab)
		return NULL;
	address = read_guest(read_guest(page + layout.slab_cache, 8) + layout.name, 8);
	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		name[i] = read_guest(address + i, 1);
		if (!name[i])
			return i ? name : NULL;
	}
	return name;
}

static void print_object(uint64_t line)
{
	const uint64_t address = line << LINE_SHIFT;
	const uint64_t base = read_guest(layout.pcpu_base_addr, 8) - DIRECT_MAP;
	const uint64_t unit = read_guest(layout.pcpu_unit_size, 4);
	const char *slab = slab_of(line);

	/* Of the image and the areas the kernel frees what it does not need. */
	if (slab)
		fputs(slab, out);
	else if (address >= KERNEL_IMAGE && address < layout.image_end - KERNEL_TEXT)
		fprintf(out, "=%llx", (unsigned long long)(KERNEL_TEXT + address));
	else if (address >= base && address < base + unit * vcpus)
		fprintf(out, "%%%llx", (unsigned long long)((address - base) % unit));
	else
		fputc('-', out);
}

static void print_site(const struct site *site)
{
	const char *name = tasks[site->task];

	fprintf(out, "site %u %llx ", site->vcpu, (unsigned long long)site->pc);
	print_object(site->line - 1);
	fprintf(out, " %u %u ", site->dirty, site->upgrades);
	/* A space would end the field. */
	for (const char *c = *name ? name : "-"; *c; c++)
		fputc(*c > ' ' ? *c : '_', out);
	fprintf(out, " %u\n", site->call);
}

static void print_block(const struct block *block)
{
	uint64_t all = 0;

	for (int i = 0; i < vcpus; i++)
		all += block->runs[i];
	if (!all)
		return;
	fprintf(out, "code %llx", (unsigned long long)block->pc);
	for (int i = 0; i < vcpus; i++)
		fprintf(out, " %llu", (unsigned long long)block->runs[i] * block->size);
	fputc('\n', out);
}

static void end(unsigned int vcpu, void *unused)
{
	if (!counting)
		return;
	counting = false;
	for (int i = 0; i < vcpus; i++) {
		fprintf(out, "vcpu %d %llu", i,
			(unsigned long long)(qemu_plugin_u64_get(insns, i) - begun[i]));
		for (int event = 0; event < NR_EVENTS; event++)
			fprintf(out, " %llu", (unsigned long long)events[i][event]);
		fputc('\n', out);
	}
	for (uint32_t i = 1; i < nr_callers; i++)
		fprintf(out, "call %u %u %llx\n", i, callers[i].parent,
			(unsigned long long)callers[i].pc);
	for (size_t i = 0; i < nr_slots; i++)
		if (sites[i].line)
			print_site(&sites[i]);
	for (const struct block *b = blocks; b; b = b->next)
		print_block(b);
	fputc('\n', out);
	fflush(out);
}

/* Takes the line for itself at once: a prefix says so, or xchg with memory does. */
static bool is_locked(const struct qemu_plugin_insn *insn)
{
	uint8_t code[16];
	const size_t size = qemu_plugin_insn_data(insn, code, sizeof(code));
	bool locked;
	const size_t i = opcode_of(code, size, &locked);

	if (locked)
		return true;
	return i + 1 < size && (code[i] & 0xfe) == 0x86 && code[i + 1] < 0xc0;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	const size_t size = qemu_plugin_tb_n_insns(tb);
	struct block *block = calloc(1, sizeof(*block) + vcpus * sizeof(*block->runs));

	if (!block) {
		perror("lines: blocks");
		exit(1);
	}
	block->pc = qemu_plugin_tb_vaddr(tb);
	block->size = size;
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, run_block, QEMU_PLUGIN_CB_NO_REGS, block);
	count_slice(tb, size);
	for (size_t i = 0; i < size; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint64_t pc = qemu_plugin_insn_vaddr(insn);

		watch_marks(insn, begin, end);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn,
			QEMU_PLUGIN_INLINE_ADD_U64, insns, 1);
		/* QEMU tells of a locked one's load, too. */
		qemu_plugin_register_vcpu_mem_cb(insn,
			pc >= KERNEL_SPACE && is_call_or_ret(insn) ? access_of_call : access_memory,
			QEMU_PLUGIN_CB_NO_REGS,
			is_locked(insn) ? QEMU_PLUGIN_MEM_W : QEMU_PLUGIN_MEM_RW, (void *)pc);
	}
}

static bool parse(int argc, char **argv)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {
		{ "seed=", &seed },
		{ "page_type=", &layout.page_type },
		{ "type_slab=", &layout.type_slab },
		{ "slab_cache=", &layout.slab_cache },
		{ "name=", &layout.name },
		{ "_end=", &layout.image_end },
		{ "pcpu_base_addr=", &layout.pcpu_base_addr },
		{ "pcpu_unit_size=", &layout.pcpu_unit_size },
		{ "current_task=", &layout.current_task },
		{ "comm=", &layout.comm },
	};

	for (int i = 0; i < argc; i++) {
		bool known = false;

		if (!strncmp(argv[i], "out=", 4)) {
			out = fopen(argv[i] + 4, "w");
			if (!out)
				perror(argv[i] + 4);
			known = out;
		}
		for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
			const size_t length = strlen(numbers[j].name);

			if (strncmp(argv[i], numbers[j].name, length))
				continue;
			*numbers[j].value = strtoull(argv[i] + length, NULL, 0);
			known = true;
		}
		if (!known)
			return false;
	}
	for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
		if (!*numbers[j].value)
			return false;
	return out;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	if (!is_this_guest(info) || !parse(argc, argv)) {
		fprintf(stderr, "lines: want out=PATH, seed=N and the layout, x86_64, at most %d CPUs\n",
			MAX_VCPUS);
		return -1;
	}
	if (!find_slices(seed))
		return -1;
	lines = mmap(NULL, (MEMORY >> LINE_SHIFT) * sizeof(*lines), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (lines == MAP_FAILED) {
		perror("lines: mmap");
		return -1;
	}
	vcpus = info->system.max_vcpus;
	bytes = g_byte_array_new();
	board = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	insns = qemu_plugin_scoreboard_u64(board);
	qemu_plugin_register_vcpu_init_cb(id, make_turns);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
