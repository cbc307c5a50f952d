/* What one host decides once, before its programs are loaded: host-wide switches only. A test loads every combination. */
#pragma once

#include "reasons.h"
#include "types.h"

enum mode {
	MODE_OVERLAY = 0,
	MODE_NATIVE = 1,
};

const volatile enum mode network_mode = MODE_OVERLAY;
const volatile __u8 ipv4_enabled = 1;
const volatile __u8 ipv6_enabled = 1;

/* Of bpf_jiffies64: round(1 / clock_getres(CLOCK_MONOTONIC_COARSE)). */
const volatile __u32 ticks_per_second = 250;

/* An enum is in BTF only if a variable has its type. */
const volatile enum reason exported_reason = 0;
const volatile enum direction exported_direction = 0;
const volatile enum event_type exported_event_type = 0;
const volatile enum point exported_point = 0;
const volatile enum identity exported_identity = 0;
const volatile enum block_flags exported_block_flags = 0;
const volatile enum policy_flags exported_policy_flags = 0;
const volatile enum protocol_row exported_protocol_row = 0;
const volatile enum outcome exported_outcome = 0;
const volatile enum endpoint_flags exported_endpoint_flags = 0;
const volatile enum judged_flags exported_judged_flags = 0;
const volatile enum tcp_state exported_tcp_state = 0;
