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
 *	site VCPU PC OBJECT DIRTY
 *	code PC INSNS...
 *
 * The latter tells of each translated block, by its first instruction's address,
 * the instructions that each vCPU ran in it.
 * OBJECT is a slab cache's name, "=ADDRESS" of a line of the kernel's image,
 * "%OFFSET" of one in a per-CPU area, or "-". PC, ADDRESS and OFFSET are
 * hexadecimal. The guest has to be booted with nokaslr, and arguments tell its
 * layout, see parse().
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

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

enum event { DIRTY_READ, DIRTY_WRITE, UPGRADE, CLEAN, NR_EVENTS };

struct line {
	uint64_t sharers;
	/* 1 + the vCPU that has it modified, or 0. */
	uint8_t owner;
};

struct site {
	uint64_t pc;
	/* + 1, so that 0 is an empty slot. */
	uint64_t line;
	uint32_t vcpu;
	uint32_t dirty;
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
static struct site *sites;
static size_t nr_slots, nr_sites;
/* Of all translations, since QEMU does not tell when one is gone. */
static struct block *blocks;
static uint64_t seed;
static int vcpus;
static FILE *out;
static struct {
	/* Offsets in struct page, slab and kmem_cache, and PGTY_slab. */
	uint64_t page_type, type_slab, slab_cache, name;
	/* Addresses of _end, and of variables. */
	uint64_t image_end, pcpu_base_addr, pcpu_unit_size;
} layout;
static GByteArray *bytes;

static struct site *slot_of(uint64_t pc, uint64_t line, uint32_t vcpu)
{
	uint64_t hash = (pc * 31 + line) * 64 + vcpu;
	struct site *site;

	hash *= 0x9e3779b97f4a7c15ULL;
	for (size_t i = hash >> 32;; i++) {
		site = &sites[i & (nr_slots - 1)];
		if (!site->line || (site->pc == pc && site->line == line && site->vcpu == vcpu))
			return site;
	}
}

static void allocate_sites(size_t slots)
{
	nr_slots = slots;
	nr_sites = 0;
	sites = calloc(nr_slots, sizeof(*sites));
	if (!sites) {
		perror("lines: sites");
		exit(1);
	}
}

static void grow_sites(void)
{
	struct site *old = sites;
	size_t nr = nr_slots;

	allocate_sites(2 * nr);
	for (size_t i = 0; i < nr; i++) {
		if (!old[i].line)
			continue;
		*slot_of(old[i].pc, old[i].line, old[i].vcpu) = old[i];
		nr_sites++;
	}
	free(old);
}

static void count(unsigned int vcpu, enum event event, uint64_t line, uint64_t pc)
{
	struct site *site;

	if (!counting)
		return;
	events[vcpu][event]++;
	if (event != DIRTY_READ && event != DIRTY_WRITE)
		return;
	site = slot_of(pc, line + 1, vcpu);
	if (!site->line) {
		*site = (struct site){ .pc = pc, .line = line + 1, .vcpu = vcpu };
		if (++nr_sites > nr_slots / 2) {
			grow_sites();
			site = slot_of(pc, line + 1, vcpu);
		}
	}
	site->dirty++;
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

static void run_block(unsigned int vcpu, void *block)
{
	((struct block *)block)->runs[vcpu] += counting;
}

static void begin(unsigned int vcpu, void *unused)
{
	following = true;
	counting = true;
	memset(events, 0, sizeof(events));
	free(sites);
	allocate_sites(1 << 16);
	for (struct block *b = blocks; b; b = b->next)
		memset(b->runs, 0, vcpus * sizeof(*b->runs));
	for (int i = 0; i < vcpus; i++)
		begun[i] = qemu_plugin_u64_get(insns, i);
}

/* Of the guest's kernel; 0 if it cannot be read. */
static uint64_t read_guest(uint64_t address, size_t size)
{
	uint64_t value = 0;

	if (qemu_plugin_read_memory_vaddr(address, bytes, size))
		memcpy(&value, bytes->data, size);
	return value;
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

	if (address >= KERNEL_IMAGE && address < layout.image_end - KERNEL_TEXT)
		fprintf(out, "=%llx", (unsigned long long)(KERNEL_TEXT + address));
	else if (address >= base && address < base + unit * vcpus)
		fprintf(out, "%%%llx", (unsigned long long)((address - base) % unit));
	else
		fputs(slab ? slab : "-", out);
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
	for (size_t i = 0; i < nr_slots; i++) {
		if (!sites[i].line)
			continue;
		fprintf(out, "site %u %llx ", sites[i].vcpu, (unsigned long long)sites[i].pc);
		print_object(sites[i].line - 1);
		fprintf(out, " %u\n", sites[i].dirty);
	}
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
	size_t i = 0;

	while (i < size && memchr("\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x66\x67", code[i], 11))
		if (code[i++] == 0xf0)
			return true;
	if (i < size && (code[i] & 0xf0) == 0x40)
		i++;
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

		watch_marks(insn, begin, end);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn,
			QEMU_PLUGIN_INLINE_ADD_U64, insns, 1);
		/* QEMU tells of a locked one's load, too. */
		qemu_plugin_register_vcpu_mem_cb(insn, access_memory, QEMU_PLUGIN_CB_NO_REGS,
			is_locked(insn) ? QEMU_PLUGIN_MEM_W : QEMU_PLUGIN_MEM_RW,
			(void *)qemu_plugin_insn_vaddr(insn));
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
