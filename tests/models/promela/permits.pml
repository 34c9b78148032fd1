/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a permit: semaphore.hpp, SemaphoreState. USERS tasks acquire, use and release ROUNDS times each;
 * while one waits it may be cancelled. What is atomic here is done under mutex_ there; what follows it is
 * done after the lock was given back, as grant() and refuse() are.
 *
 * No permit is lost or doubled; nobody waits while one is free; every operation completes exactly once.
 * Who waits for what never comes is an invalid end state.
 */
#ifndef USERS
#define USERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define UNITS 1

mtype = { none, granted, refused };

byte units = UNITS;                     /* units_ */
chan waiters = [USERS] of { byte };     /* waiters_ */
bool listed[USERS];                     /* Waiter::listed */
mtype result[USERS] = none;             /* how the operation has completed */
bool pending[USERS];                    /* there is an operation to be cancelled */
byte in_use;
byte users_gone;

/* SemaphoreState::grant(), refuse() */
inline complete(who, how) {
    assert(result[who] == none);
    result[who] = how
}

/* SemaphoreState::release(), which is what a Permit's end calls */
inline release() {
    atomic {
        next = USERS;
        if
        :: nempty(waiters) ->
            waiters ? next;
#ifndef GRANTED_STAYS_LISTED
            listed[next] = false;
#endif
#ifdef GRANT_ADDS_A_UNIT
            units++
#endif
        :: empty(waiters) -> units++
        fi
    };
    if
    :: next != USERS -> complete(next, granted)
    :: else
    fi
}

/* SemaphoreState::enqueue() */
inline enqueue() {
#ifdef LOOKS_BEFORE_THE_LOCK
    free = units;
    atomic {
#else
    atomic {
        free = units;
#endif
        if
        :: free == 0 -> listed[me] = true; waiters ! me
        :: else -> units--
        fi
    };
    if
    :: free != 0 -> complete(me, granted)
    :: else
    fi
}

/* SemaphoreState::try_acquire() */
inline try_acquire() {
    atomic {
        free = units;
        if
        :: free != 0 -> units--
        :: else
        fi
    }
}

inline use() {
    in_use++;
    assert(in_use <= UNITS);
    in_use--;
    release()
}

proctype User(byte me) {
    byte round, next, free;
    for (round : 1 .. ROUNDS) {
        if
        :: try_acquire();
           if
           :: free != 0 -> use()
           :: else
           fi
        :: pending[me] = true;
           enqueue();
           result[me] != none;
           atomic { pending[me] = false }
           if
           :: result[me] == granted -> result[me] = none; use()
#ifdef DROPPED_PERMIT_IS_LOST
           :: result[me] == granted -> result[me] = none
#else
           :: result[me] == granted -> result[me] = none; release()     /* it has given up meanwhile */
#endif
           :: result[me] == refused -> result[me] = none
           fi
        fi
    }
    users_gone++
}

/* SemaphoreState::cancel(), as often as it likes */
proctype Canceller() {
    byte who;
    bool taken;
end:
    do
    :: for (who : 0 .. USERS - 1) {
           if
           :: pending[who] ->
               atomic {
#ifdef CANCELS_WHAT_IS_GRANTED
                   taken = pending[who] && result[who] == none;
#else
                   taken = listed[who];
#endif
                   if
                   :: taken && listed[who] -> listed[who] = false; waiters ?? eval(who)
                   :: else
                   fi
               };
               if
               :: taken -> complete(who, refused)
               :: else
               fi
           :: true
           fi
       }
    :: users_gone == USERS -> break
    od
}

/* Between any two steps */
proctype Monitor() {
end:
    atomic { units != 0 && nempty(waiters) -> assert(false) }
}

init {
    byte who;
    atomic {
        for (who : 0 .. USERS - 1) {
            run User(who)
        }
        run Canceller();
        run Monitor()
    };
    users_gone == USERS;
    assert(units == UNITS && empty(waiters))
}
