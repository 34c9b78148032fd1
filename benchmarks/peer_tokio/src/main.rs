// SPDX-License-Identifier: Apache-2.0
// The tokio peer of the dispatcher's benchmark: a pool of N workers with the least-loaded choice
// and sticky sessions, driven by clients in a closed loop. Prints its result as one line of JSON.

use std::collections::HashMap;
use std::future::Future;
use std::process::exit;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio::sync::{mpsc, oneshot, Semaphore};

const QUEUE_CAPACITY: usize = 1024;
const PERMITS_PER_WORKER: usize = 256;
const SESSION_TTL: Duration = Duration::from_secs(30);

type Job = (u64, oneshot::Sender<u64>); // the request, and where its response goes

struct Worker {
    queue: mpsc::Sender<Job>,
    load: Arc<AtomicUsize>, // jobs queued or in flight
}

struct Dispatcher {
    workers: Vec<Worker>,
    sessions: DashMap<String, (usize, Instant)>, // the worker, and since when it is theirs
}

impl Dispatcher {
    /// Starts the workers; must be called inside a tokio runtime.
    fn new<H, F>(workers: u64, handler: H) -> Self
    where
        H: Fn(u64) -> F + Clone + Send + 'static,
        F: Future<Output = u64> + Send + 'static,
    {
        let start = |_| {
            let (queue, jobs) = mpsc::channel(QUEUE_CAPACITY);
            let load = Arc::new(AtomicUsize::new(0));
            tokio::spawn(work(jobs, load.clone(), handler.clone()));
            Worker { queue, load }
        };
        let (workers, sessions) = ((0..workers).map(start).collect(), DashMap::new());
        Self { workers, sessions }
    }

    /// Hands the request to a worker and awaits the response: none if the handler panicked.
    async fn submit(&self, session: Option<&str>, request: u64) -> Option<u64> {
        let worker = &self.workers[session.map_or_else(|| self.least_loaded(), |s| self.stick(s))];
        let (reply, response) = oneshot::channel();
        worker.load.fetch_add(1, Ordering::Relaxed);
        worker.queue.send((request, reply)).await.ok()?;
        response.await.ok()
    }

    fn stick(&self, session: &str) -> usize {
        // A statement of its own: the map's shard must be unlocked again before the insert.
        let known = self.sessions.get(session).map(|entry| *entry);
        match known {
            Some((worker, since)) if since.elapsed() < SESSION_TTL => worker,
            _ => {
                let entry = (self.least_loaded(), Instant::now());
                self.sessions.insert(session.to_owned(), entry);
                entry.0
            }
        }
    }

    fn least_loaded(&self) -> usize {
        let load = |&i: &usize| self.workers[i].load.load(Ordering::Relaxed);
        let least = (0..self.workers.len()).min_by_key(load); // the first of equals
        least.expect("a dispatcher has at least one worker")
    }
}

async fn work<H, F>(mut jobs: mpsc::Receiver<Job>, load: Arc<AtomicUsize>, handler: H)
where
    H: Fn(u64) -> F,
    F: Future<Output = u64> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(PERMITS_PER_WORKER));
    while let Some((request, reply)) = jobs.recv().await {
        let permit = permits.clone().acquire_owned().await.expect("never closed");
        let load = load.clone();
        let response = handler(request);
        tokio::spawn(async move {
            let _ = reply.send(response.await); // a caller that stopped waiting is no error
            load.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
    }
}

/// Keeps the processor busy for so many rounds: that of ../../work.hpp. Never 0 for a seed that is not.
#[inline(never)]
fn keep_busy(rounds: u64, mut seed: u64) -> u64 {
    for _ in 0..rounds {
        seed ^= seed >> 32;
        seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    seed
}

fn work_on(request: u64, rounds: u64) -> u64 {
    if keep_busy(rounds, request) == 0 {
        0
    } else {
        request
    }
}

/// Calls the work directly with requests 1 to `jobs`, on so many threads, and returns the seconds that took.
fn call_directly(jobs: u64, threads: u64, rounds: u64) -> f64 {
    const BATCH: u64 = 16;
    let taken = AtomicU64::new(0);
    let run = || {
        let mut right = 0;
        loop {
            let first = taken.fetch_add(BATCH, Ordering::Relaxed);
            if first >= jobs {
                return right;
            }
            let requests = first + 1..=jobs.min(first + BATCH);
            right += requests.filter(|&r| work_on(r, rounds) == r).count() as u64;
        }
    };
    let begin = Instant::now();
    let right: u64 = std::thread::scope(|scope| {
        let loops: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        loops.into_iter().map(|each| each.join().expect("no panic")).sum()
    });
    if right != jobs {
        fail(1, "a handler that was called directly did not return its request");
    }
    begin.elapsed().as_secs_f64()
}

/// Runs jobs 1 to `jobs` with that many clients, and returns the verified sum of the responses.
async fn run(jobs: u64, clients: u64, pool: &Arc<Dispatcher>, names: &Arc<[String]>) -> u64 {
    let taken = Arc::new(AtomicU64::new(0));
    let start = |id: u64| {
        let (taken, pool, names) = (taken.clone(), pool.clone(), names.clone());
        tokio::spawn(async move {
            let mut random = (id + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut sum = 0;
            loop {
                let request = taken.fetch_add(1, Ordering::Relaxed) + 1;
                if request > jobs {
                    return sum;
                }
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let index = random.checked_rem(names.len() as u64); // none without sessions
                let session = index.map(|i| names[i as usize].as_str());
                let response = pool.submit(session, request).await;
                sum += response.expect("the pool answers every job");
            }
        })
    };
    let mut sum = 0;
    for task in (0..clients).map(start).collect::<Vec<_>>() {
        sum += task.await.expect("a client does not panic");
    }
    let expected = jobs * (jobs + 1) / 2;
    if sum != expected {
        fail(1, &format!("checksum {sum}, expected {expected}"));
    }
    sum
}

fn fail(status: i32, message: &str) -> ! {
    eprintln!("peer_tokio: {message}");
    exit(status)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let names = "--jobs J --clients C --threads T --workers W --sessions S --handler echo|yield --rounds R";
    let mut given = HashMap::new();
    for pair in args.chunks(2) {
        match pair {
            [name, value] if name.starts_with("--") && names.split(' ').any(|n| n == name) => {
                given.insert(name.as_str(), value.as_str());
            }
            _ => fail(2, &format!("bad {pair:?}; usage: peer_tokio {names}")),
        }
    }
    let number = |name, min, max| {
        let value = given.get(name).and_then(|value| value.parse::<u64>().ok());
        let value = value.filter(|n| (min..=max).contains(n));
        value.unwrap_or_else(|| fail(2, &format!("{name} needs a whole number, {min} to {max}")))
    };
    let jobs = number("--jobs", 1, 1_000_000_000);
    let clients = number("--clients", 1, 1_000_000);
    let threads = number("--threads", 1, 1_024);
    let workers = number("--workers", 1, 65_536);
    let sessions = number("--sessions", 0, 10_000_000);
    let rounds = number("--rounds", 0, 1_000_000_000);
    let (handler, yields) = match given.get("--handler") {
        Some(&"echo") => ("echo", false),
        Some(&"yield") => ("yield", true),
        _ => fail(2, "--handler needs echo or yield"),
    };
    let handle = move |request| async move {
        if yields {
            tokio::task::yield_now().await;
        }
        work_on(request, rounds)
    };

    // Neither the I/O nor the time driver is enabled: nothing here uses them.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads as usize).build();
    let runtime = runtime.unwrap_or_else(|e| fail(1, &format!("no runtime: {e}")));
    // A task drives the runs, too: block_on only waits for it.
    let driver = runtime.spawn(async move {
        let names: Arc<[String]> = (0..sessions).map(|n| format!("session-{n}")).collect();
        let pool = Arc::new(Dispatcher::new(workers, handle));
        run(jobs / 4 + clients, clients, &pool, &names).await; // warms up
        let half = jobs / 2 + 1;
        let before = call_directly(half, threads, rounds);
        let begin = Instant::now();
        let checksum = run(jobs, clients, &pool, &names).await;
        let seconds = begin.elapsed().as_secs_f64();
        // Half before and half after, so that both see what else the machine does.
        let bare = (before + call_directly(half, threads, rounds)) / (2 * half) as f64;
        (checksum, seconds, bare)
    });
    let (checksum, seconds, bare) = runtime.block_on(driver).expect("the driver does not panic");
    let per_job = seconds / jobs as f64;
    println!(
        "{{\"name\":\"tokio\",\"jobs\":{jobs},\"clients\":{clients},\"threads\":{threads},\
         \"workers\":{workers},\"sessions\":{sessions},\"handler\":\"{handler}\",\"rounds\":{rounds},\
         \"seconds\":{seconds:.6},\"per_job\":{per_job:.12},\"bare\":{bare:.12},\"checksum\":{checksum}}}"
    );
}
