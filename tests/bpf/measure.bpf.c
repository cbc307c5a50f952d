/* For measuring alone: makes the repeated packet what it was before the last run, in one of many flows, then calls the
 * program that is measured.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tested SEC(".maps");

struct flows {
	__u8 header[64]; /* Ethernet, IP, and the ports */
	__u32 length;	 /* of it */
	__u32 ports;	 /* offset of the source port */
	__u32 mask;	 /* number of flows - 1 */
	__u32 state;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flows);
} flows SEC(".maps");

static __always_inline int restore(struct __sk_buff *skb)
{
	__u8 *start = (void *)(long)skb->data;
	__u32 zero = 0, flow;
	struct flows *f = bpf_map_lookup_elem(&flows, &zero);

	if (!f || (void *)(start + 58) > (void *)(long)skb->data_end)
		return 0;
	*(__u64 *)start = *(__u64 *)f->header;
	*(__u32 *)(start + 8) = *(__u32 *)(f->header + 8);
	*(__u64 *)(start + 16) = *(__u64 *)(f->header + 16);
	*(__u16 *)(start + 24) = *(__u16 *)(f->header + 24);
	if (f->mask) {
		f->state = f->state * 1664525u + 1013904223u;
		flow = f->state >> 9 & f->mask;
		if (f->ports == 34)
			*(__u16 *)(start + 34) = flow;
		else
			*(__u16 *)(start + 54) = flow;
	}
	return 1;
}

SEC("tc") int restored(struct __sk_buff *skb)
{
	if (!restore(skb))
		return 100;
	bpf_tail_call(skb, &tested, 0);
	return 101;
}

/* The same without a program to call: what the loop and the wrapper cost. */
SEC("tc") int empty(struct __sk_buff *skb)
{
	return restore(skb) ? 0 : 100;
}

SEC("tc") int nothing(struct __sk_buff *skb)
{
	return 0;
}

/* What a policy's decision is held against: one lookup of a key of its size, in a table of as many entries. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} peers SEC(".maps");

__u64 turn;

SEC("tc") int lookup(struct __sk_buff *skb)
{
	__u64 key = turn++ & 16383;

	return bpf_map_lookup_elem(&peers, &key) ? 0 : 100;
}

SEC("tc") int no_lookup(struct __sk_buff *skb)
{
	__u64 key = turn++ & 16383;

	return key > 16383;
}

char LICENSE[] SEC("license") = "GPL";
