use std::time::{Duration, SystemTime};

use engine::{Load, Totals};
use spool::QueueStat;

use super::metrics::{Figures, Queues, written};

fn queue(name: &str, jobs: u64, next_due: Option<SystemTime>) -> QueueStat {
    QueueStat { queue: name.to_owned(), jobs, held: 1, claimed: 2, next_due }
}

#[test]
fn figures_are_open_metrics() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let mut queues = Queues::default();
    queues.add(queue("mx:a.example", 3, Some(now - Duration::from_secs(1))), now);
    queues.add(queue("mx:\"b\\\n", 7, Some(now + Duration::from_secs(1))), now);
    let counted = Totals { messages: 12, failed_logins: 1, ..Totals::default() };
    let load = Load { sessions: 4, ..Load::default() };
    let text = written(Figures { counted, load, ready: true, queues }).unwrap();
    for line in [
        "# TYPE postrider_messages counter",
        "postrider_messages_total 12",
        "postrider_logins_failed_total 1",
        "# TYPE postrider_sessions_open gauge",
        "postrider_sessions_open 4",
        "postrider_ready 1",
        "postrider_jobs 10",
        "postrider_jobs_held 2",
        "postrider_queues_overdue 1",
        "postrider_queue_jobs{queue=\"mx:a.example\"} 3",
        // The fullest first, and what would end the line is escaped.
        "postrider_queue_jobs{queue=\"mx:\\\"b\\\\\\n\"} 7",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn many_queues_are_few_series() {
    let mut queues = Queues::default();
    for jobs in 0..1000 {
        queues.add(queue(&format!("mx:{jobs}.example"), jobs, None), SystemTime::UNIX_EPOCH);
    }
    assert_eq!((queues.count, queues.fullest.len()), (1000, 100));
    assert_eq!(queues.fullest.first().map(|(_, jobs)| *jobs), Some(999));
    assert_eq!(queues.fullest.last().map(|(_, jobs)| *jobs), Some(900));
}
