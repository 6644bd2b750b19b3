//! What a process costs, as the kernel counts it.

use std::fs;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

/// CPU and memory of a process and all its descendants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// User and system time, of children that ended as well.
    pub cpu: Duration,
    /// Resident now, in KiB.
    pub resident_kib: u64,
    /// The most that each was resident, summed, in KiB.
    pub peak_kib: u64,
    /// Its share of the memory now, pages that processes have in common counted once, in KiB.
    pub share_kib: u64,
}

/// Costs of the process `pid` and its descendants; zero for what is gone, and for `pid` 0.
#[must_use]
pub fn of_tree(pid: u32) -> Cost {
    let mut cost = Cost::default();
    if pid == 0 {
        return cost;
    }
    let parents = parents();
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        let (ticks, status) = (ticks(pid), fs::read_to_string(format!("/proc/{pid}/status")));
        cost.cpu += ticks;
        let status = status.unwrap_or_default();
        cost.resident_kib += field(&status, "VmRSS:");
        cost.peak_kib += field(&status, "VmHWM:");
        let shares = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        cost.share_kib += field(&shares, "Pss:");
        open.extend(parents.iter().filter(|(_, parent)| *parent == pid).map(|(child, _)| child));
    }
    cost
}

/// The first child of `pid`, for a server that was started by a tracer.
#[must_use]
pub fn child_of(pid: u32) -> Option<u32> {
    parents().iter().find(|(_, parent)| *parent == pid).map(|(child, _)| *child)
}

/// What the calling thread has cost.
#[must_use]
pub fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, after_name(&status).nth(1)?.parse().ok()?))
    })
    .collect()
}

/// The fields of a stat line from the state on; the name before may hold spaces and parentheses.
fn after_name(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ')
}

fn ticks(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // utime, stime, cutime, cstime: fields 14 to 17, the state being field 3.
    let ticks: u64 = after_name(&stat).skip(11).take(4).filter_map(|t| t.parse::<u64>().ok()).sum();
    let second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let second = second.and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0);
    Duration::from_nanos(ticks * 1_000_000_000 / second.unwrap_or(100))
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_costs_something() {
        let cost = of_tree(std::process::id());
        assert!(cost.resident_kib > 0 && cost.peak_kib >= cost.resident_kib);
        assert!(of_tree(0x7fff_fff0).resident_kib == 0);
    }

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "12 (a) b (c)) S 1 12 12 0";
        assert_eq!(after_name(stat).take(2).collect::<Vec<_>>(), ["S", "1"]);
    }
}
