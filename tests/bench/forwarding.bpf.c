/* For measuring alone: a source of packets that the kernel makes real ones of, and their end. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[64]);
} header SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

/* The pages of such packets are used again and again, as the last receiver left them. */
SEC("xdp") int inject(struct xdp_md *context)
{
	__u64 *start = (void *)(long)context->data, *from;
	__u32 zero = 0;

	from = bpf_map_lookup_elem(&header, &zero);
	if (!from || (void *)(start + 7) > (void *)(long)context->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < 7; i++)
		start[i] = from[i];
	return XDP_PASS;
}

SEC("tc") int sink(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&arrived, &zero);

	if (count)
		*count += 1;
	return 2; /* TC_ACT_SHOT */
}

char LICENSE[] SEC("license") = "GPL";
