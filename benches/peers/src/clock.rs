//! CPU time, medians and means.

use std::time::Duration;

/// CPU time of the process so far: a compiler that starts threads pays for them.
pub fn now() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a timespec that lives across the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "the process CPU clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Seconds of CPU that `work` takes. What it returns is dropped after the clock stopped.
pub fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = now();
    let kept = work();
    let end = now();
    drop(kept);
    (end - start).as_secs_f64()
}

/// Times batches of `work`, as many calls as make the clock's own cost vanish.
///
/// What the calls return is kept until the clock has stopped, if `keep`, else dropped at once.
pub fn seconds_each<T>(batch: usize, keep: bool, mut work: impl FnMut() -> T) -> f64 {
    let mut kept = Vec::with_capacity(if keep { batch } else { 0 });
    let start = now();
    for _ in 0..batch {
        let value = std::hint::black_box(work());
        if keep {
            kept.push(value);
        }
    }
    (now() - start).as_secs_f64() / batch as f64
}

pub fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty(), "a median needs a value");
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

/// The geometric mean; `None` of nothing.
pub fn geomean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut logs, mut count) = (0.0, 0);
    for value in values {
        logs += value.ln();
        count += 1;
    }
    (count > 0).then(|| (logs / count as f64).exp())
}

/// The exponent `e` of the power law `y = c * x^e` that fits the points best.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (sx, sy) = points
        .iter()
        .fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x.ln(), sy + y.ln()));
    let (mx, my) = (sx / n, sy / n);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x.ln() - mx) * (y.ln() - my);
        below += (x.ln() - mx).powi(2);
    }
    above / below
}
