#include "config.h"
#include "maps.h"

SEC("tc") int from_overlay(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&generation, &zero);
	return word && *word && network_mode && ipv4_enabled && ipv6_enabled && ticks_per_second ? -1 : -1;
}

SEC("tc") int to_overlay(struct __sk_buff *skb)
{
	return -1;
}

char LICENSE[] SEC("license") = "GPL";

int emit1(struct address *a, struct peer *b, struct host *c, struct block_key *d, struct block *e) { return 0; }
int emit2(struct policy *a, struct page *b, struct verdict_key *c, struct verdict *d, struct event *e) { return 0; }
int emit3(struct connection_key *a, struct connection *b) { return 0; }
