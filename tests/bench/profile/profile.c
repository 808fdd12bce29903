// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU that counts how often each block of the guest's code is run,
 * from one mark to the next.
 *
 * A mark is an instruction that does nothing: `brc 0` with a distance of BEGIN or
 * END.  At END a line for each block is written to the file <out>.<number>: address,
 * instructions in it, and how often it was run.
 *
 * QEMU's plugin API is declared here as far as it is needed, as no package has its
 * header: https://www.qemu.org/docs/master/devel/tcg-plugins.html
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu_index);
void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t val);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*cb)(struct qemu_plugin_tb *tb, void *userdata), void *userdata);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
		enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		void (*cb)(unsigned int vcpu_index, void *userdata),
		enum qemu_plugin_cb_flags flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);

int qemu_plugin_version = 7;

static const unsigned char begin[4] = { 0xa7, 0x04, 0x5a, 0x01 };
static const unsigned char end[4] = { 0xa7, 0x04, 0x5a, 0x02 };

/* A block, as it was translated; of the same one there is but one entry. */
struct block {
	uint64_t address;
	uint64_t instructions;
	qemu_plugin_u64 runs;
	struct block *next;
};

#define BUCKETS (1 << 16)

static struct block *buckets[BUCKETS];
static const char *out;
static unsigned int measured;

static struct block *find(uint64_t address, uint64_t instructions)
{
	struct block **bucket = &buckets[(address / 2 ^ instructions) % BUCKETS];
	struct block *block;

	for (block = *bucket; block; block = block->next) {
		if (block->address == address && block->instructions == instructions)
			return block;
	}
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	block->address = address;
	block->instructions = instructions;
	block->runs.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	block->next = *bucket;
	*bucket = block;
	return block;
}

static void at_begin(unsigned int vcpu, void *unused)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct block *block = buckets[i]; block; block = block->next)
			qemu_plugin_u64_set(block->runs, vcpu, 0);
	}
}

static void at_end(unsigned int vcpu, void *unused)
{
	char name[4096];
	FILE *file;

	snprintf(name, sizeof(name), "%s.%u", out, measured++);
	file = fopen(name, "w");
	if (!file) {
		perror(name);
		abort();
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct block *block = buckets[i]; block; block = block->next) {
			uint64_t runs = qemu_plugin_u64_get(block->runs, vcpu);

			if (runs)
				fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
					block->address, block->instructions, runs);
		}
	}
	fclose(file);
}

static void translated(struct qemu_plugin_tb *tb, void *unused)
{
	size_t instructions = qemu_plugin_tb_n_insns(tb);
	struct block *block = find(qemu_plugin_tb_vaddr(tb), instructions);

	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  block->runs, 1);
	for (size_t i = 0; i < instructions; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		unsigned char bytes[4];

		if (qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != sizeof(bytes))
			continue;
		if (!memcmp(bytes, begin, sizeof(bytes)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_begin,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		if (!memcmp(bytes, end, sizeof(bytes)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_end,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile: out=FILE is needed\n");
		return 1;
	}
	out = argv[0] + 4;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	return 0;
}
