/* SPDX-License-Identifier: Apache-2.0
 *
 * The lanes of a worker, and its loop: worker_loop.hpp, WorkerLoop, and LaneWorker::run(), on Inbox::push(),
 * pop(), try_sleep() and close(). All but those four and Producer, Stopper and Handlers is on the strand,
 * which runs one thing at a time, first in, first out.
 *
 * No job is left while a permit is free; no permit is lost or doubled; after a stop every job is answered,
 * and every lane ends, and so does the loop. Looked at whenever nothing more can happen.
 */
#ifndef JOBS
#define JOBS 3
#endif
#ifndef UNITS
#define UNITS 2
#endif
#define LANES UNITS
#define JOBS_PER_TURN 2         /* WorkerLoop::jobs_per_turn */
#define NOBODY 255

mtype = { wake_up, resumed, bell, bell_closed, permit_granted, wind_down };
chan strand = [8] of { mtype, byte };

/* Inbox, under its lock */
byte queue;
bool asleep = true, closed;

/* WorkerLoop */
byte units = UNITS;             /* permits */
bool loop_waits;                /* the loop's async_acquire() is in the semaphore's line */
bool loop_receives, rung, doorbell_closed;
bool loop_ended;
byte standby = NOBODY;
chan parked = [LANES] of { byte };
byte lanes, lanes_ended;
bool permit[LANES], running[LANES], suspended[LANES];
byte jobs_this_turn;
bool winding_down;

/* What the model itself keeps track of */
byte started, ended, answered, in_flight;
bool stopped;
bool hold;                      /* handlers end only when as many as there are permits have started */

/* Permit::release(), BasicSemaphore */
inline release_permit() {
    if
    :: loop_waits -> loop_waits = false; strand ! permit_granted, 0
    :: else -> units++
    fi;
    assert(units <= UNITS)
}

/* WorkerLoop::may_park() and what LaneWorker::run() does after it */
inline park(lane) {
    if
    :: !winding_down && permit[lane] && standby == NOBODY -> standby = lane
    :: else ->
        if
        :: permit[lane] ->
#ifndef PARKED_KEEPS_PERMIT
            permit[lane] = false; release_permit()
#endif
            skip
        :: else
        fi;
        if
        :: !winding_down -> parked ! lane
        :: else -> lanes_ended++
        fi
    fi
}

/* LaneWorker::run(), from where it takes a job until it suspends: in a handler, or parked */
inline run_jobs(lane) {
    do
    :: atomic {                                         /* Inbox::pop() */
           jobs_this_turn++;
           got = (queue != 0);
           if
           :: got -> queue--; started++
           :: else ->
#ifndef POP_SLEEPS_OUTSIDE_THE_LOCK
               asleep = true;
#endif
               skip
           fi
       };
       if
       :: got ->
           in_flight++;
           assert(in_flight <= UNITS);
           if
           :: suspended[lane] = true; break             /* the handler suspends */
           :: !hold -> in_flight--; ended++;            /* it does not */
              if
              :: jobs_this_turn >= JOBS_PER_TURN ->     /* turn_is_over(), try_yield() */
                  jobs_this_turn = 0;
#ifndef YIELDS_FOR_GOOD
                  if
                  :: !winding_down -> strand ! wake_up, 0
                  :: else
                  fi;
#endif
                  running[lane] = false; park(lane); break
              :: else
              fi
           fi
       :: else ->
#ifdef POP_SLEEPS_OUTSIDE_THE_LOCK
           asleep = true;
#endif
           running[lane] = false; park(lane); break     /* end_run() */
       fi
    od
}

/* ParkingSpot::resume(), for a lane that was parked */
inline resume(lane) {
    if
    :: permit[lane] -> running[lane] = true; run_jobs(lane)
    :: else -> park(lane)
    fi
}

/* WorkerLoop::ring() */
inline ring() {
#ifndef DOES_NOT_RING
    if
    :: doorbell_closed
    :: !doorbell_closed && loop_receives -> loop_receives = false; strand ! bell, 0
    :: !doorbell_closed && !loop_receives -> rung = true
    fi;
#endif
    skip
}

/* WorkerLoop::take_lane(): a lane, or NOBODY */
inline take_lane() {
    taken = NOBODY;
    if
    :: standby != NOBODY -> taken = standby; standby = NOBODY
    :: else ->
        if
        :: units != 0 ->
            units--;
            if
            :: nempty(parked) -> parked ? taken; permit[taken] = true
            :: empty(parked) -> release_permit(); ring()
            fi
        :: else
        fi
    fi
}

/* Inbox::try_sleep() */
inline try_sleep() {
    atomic { asleep = (queue == 0); sleeps = asleep }
}

/* WorkerLoop::run_lanes() */
inline run_lanes() {
    do
    :: take_lane();
       if
       :: taken == NOBODY -> break
       :: else ->
           resume(taken);
#ifdef ONE_LANE_A_WAKE_UP
           break;
#endif
           if
           :: !running[taken] -> break
           :: else ->
               try_sleep();
               if
               :: sleeps -> break
               :: else
               fi
           fi
       fi
    od
}

/* WorkerLoop::run(): the loop waits at the doorbell again */
inline receive() {
    if
    :: rung -> rung = false; strand ! bell, 0
    :: !rung && doorbell_closed -> strand ! bell_closed, 0
    :: else -> loop_receives = true
    fi
}

/* WorkerLoop::add_lane(): without a permit it parks at once */
inline add_lane() {
    assert(lanes < UNITS);
    parked ! lanes;
    lanes++
}

proctype Strand() {
    byte lane, taken = NOBODY;
    bool got, sleeps;

    add_lane();                                         /* WorkerLoop::start() */
    receive();
end:
    do
    :: strand ? wake_up, _ -> jobs_this_turn = 0; run_lanes()
    :: strand ? resumed, lane ->                        /* a handler that was suspended has ended */
        in_flight--;
        ended++;
        run_jobs(lane)
    :: strand ? bell, _ ->                              /* async_acquire() */
        if
        :: units != 0 -> units--; strand ! permit_granted, 0
        :: else -> loop_waits = true
        fi
    :: strand ? permit_granted, _ ->
        try_sleep();
        if
        :: sleeps -> release_permit()
        :: !sleeps ->
            if
            :: empty(parked) -> add_lane()
            :: nempty(parked)
            fi;
#ifndef LOOP_KEEPS_PERMIT
            release_permit();
#endif
            jobs_this_turn = 0;
            run_lanes()
        fi;
        receive()
    :: strand ? bell_closed, _ -> loop_ended = true
    :: strand ? wind_down, _ ->                         /* WorkerLoop::wind_down() */
        winding_down = true;
#ifndef WIND_DOWN_FORGETS_STANDBY
        if
        :: standby != NOBODY -> lane = standby; standby = NOBODY; resume(lane)
        :: else
        fi;
#endif
        do
        :: nempty(parked) -> parked ? lane; resume(lane)
        :: empty(parked) -> break
        od;
        doorbell_closed = true;
#ifndef WIND_DOWN_LEAVES_THE_LOOP
        if
        :: loop_receives -> loop_receives = false; strand ! bell_closed, 0
        :: else
        fi
#endif
    od
}

/* Inbox::push(), with wake() under the lock, or without a place in the queue */
proctype Producer() {
    byte n;
    for (n : 1 .. JOBS) {
        atomic {
            if
            :: closed -> answered++
            :: else ->
                if
                :: asleep -> strand ! wake_up, 0; asleep = false
                :: else
                fi;
                queue++
            fi
        }
    }
}

/* WorkerCore::close(), or none */
proctype Stopper() {
    if
    :: atomic { closed = true; answered = answered + queue; queue = 0 };
       stopped = true;
       strand ! wind_down, 0
    :: true
    fi
}

/* Ends handlers that are suspended, in any order; all of them after a stop, for they are cancelled then */
#define END_HANDLER(lane) \
    atomic { \
        suspended[lane] && (!hold || stopped || started >= UNITS) -> \
        suspended[lane] = false; \
        strand ! resumed, lane \
    }

proctype Handlers() {
end:
    do
    :: END_HANDLER(0)
    :: END_HANDLER(1)
#if UNITS > 2
    :: END_HANDLER(2)
#endif
    od
}

/* When nothing more can happen */
proctype Monitor() {
end:
    timeout ->
    if
    :: stopped ->
        assert(answered + ended == JOBS);
        assert(lanes_ended == lanes && loop_ended);
        assert(units == UNITS)
    :: else ->
        assert(ended == JOBS && queue == 0 && asleep);
        assert(standby != NOBODY -> units + 1 == UNITS : units == UNITS)
    fi
}

init {
    atomic {
        if
        :: hold = true
        :: true
        fi;
        run Strand();
        run Producer();
        run Stopper();
        run Handlers();
        run Monitor()
    }
}
