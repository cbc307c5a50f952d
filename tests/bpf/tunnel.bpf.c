/* For packet tests alone: gives a packet the tunnel key it would have come with, and calls the program under test. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tested SEC(".maps");

struct outer {
	struct bpf_tunnel_key key;
	__u32 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct outer);
} outer SEC(".maps");

SEC("tc") int arrives(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct outer *outer_key = bpf_map_lookup_elem(&outer, &zero);

	if (!outer_key || bpf_skb_set_tunnel_key(skb, &outer_key->key, sizeof(outer_key->key), outer_key->flags))
		return 100;
	bpf_tail_call(skb, &tested, 0);
	return 101;
}

char LICENSE[] SEC("license") = "GPL";
