// How processes keep a shared cache from serving the past while its master changes: a model for
// Spin. README.md in this folder says what it leaves out, and why it may.
//
// Two nodes (processes of kv-api), each with a writer and a reader, one key, one database, and a
// master for each reign: when the Sentinels name another one, the old one stays alive. Beside each
// step stands the Swift function that it is a model of. `-D WITHOUT_…` turns off one rule, and
// `-D REACH=…` makes a state an error, to see that it can be reached: `scripts/model` does both.

// The revisions that may be committed; the first is there at the beginning.
#ifndef REVISIONS
#define REVISIONS 3
#endif
// The masters, each the successor of the one before.
#ifndef REIGNS
#define REIGNS 2
#endif
// The state that must not be reached; see `REACHES`.
#ifndef REACH
#define REACH 0
#endif

#include "rules.pml"

// What a master keeps of the key: nothing to serve (`EntryLayout.floor`, or not even that), an
// entry or a tombstone (`value`, `absence`), or the lease of a reader.
#define NOTHING 0
#define ENTRY 1
#define LEASE 2

// The session of a node that is not connected.
#define NOWHERE REIGNS

// What the master of a reign keeps under the generation of this reign.
typedef Kept {
  byte kind;
  // Nothing older may be kept: what is there, or the newest that was there. See `DropWatch`.
  byte revision;
  // The node whose reader has the lease, from 1.
  byte holder
}

typedef Node {
  // The reign that a majority of the Sentinels has named to it (`RedisMaster.current`), and
  // whether their votes still count (`RedisMaster.isCertain`).
  byte view;
  bit isCertain;
  // The reign whose master it is connected to (`RedisCache.session`), and whether it may read from
  // it (`RedisSession.readsFrom`).
  byte session;
  bit readsOn;
  // The session of an update that waits for the end of a dispute is still open.
  bit isOpen;
  // The revision whose update failed, or 0 (`FailedUpdates`).
  byte failed;
  // Its last request for a repair got no answer, and it relies on that (`RepairEvidence`).
  bit isSilent;
  // It has acknowledged `failed` although nobody has repaired the cache.
  bit owes;
#ifdef KNOWS_RESTARTS
  // Its master has restarted since the node last began to read.
  bit isFresh
#endif
}

byte database = 1;
// The newest revision that a client was told of.
byte acknowledged = 1;
// The reign that a majority of the Sentinels names now.
byte named;
// All votes for the reigns before this one have expired.
byte settled;
Kept kept[REIGNS];
Node node[2];
// An update that a hanging master runs late, or 0.
byte late, lateReign;
#ifdef WITHOUT_GENERATIONS
// The entry as a replica or a dump has it.
byte copied;
#endif

// MARK: The commands of the cache, each atomic in Redis

inline keep(reign, newKind, newRevision, newHolder) {
  kept[reign].kind = newKind;
  kept[reign].revision = newRevision;
  kept[reign].holder = newHolder
}

// CacheScript.update, sent by RedisSession.update, or with a floor by RedisSession.repair
inline update(reign, isFloor, number) {
  if
  :: !IS_FORGOTTEN(reign) && IS_NEWER(reign, number) ->
     if
     // A floor; the end of the dispute brings a higher one.
     :: !MAY_CREATE(reign) && kept[reign].kind != ENTRY -> keep(reign, NOTHING, 0, 0)
     :: else ->
        if
        :: isFloor -> keep(reign, NOTHING, number, 0)
        :: else -> keep(reign, ENTRY, number, 0)
        fi
     fi
  :: else
  fi
}

// An entry, floor or lease is evicted or expires. Nothing that is not newer may come back.
inline drop(reign) {
  printf("master %d drops what it has\n", reign);
  keep(reign, NOTHING, REMEMBERED(kept[reign].revision), 0)
}

// RedisConnection.close
inline disconnect(p) {
  node[p].session = NOWHERE;
  node[p].readsOn = false;
  node[p].isOpen = false
}

// MARK: Writing

// FailedUpdates.insert
inline fail(p, number) {
  node[p].failed = number;
  node[p].isOpen = false
}

// RedisCache.repair
inline repair(p) {
  printf("node %d repairs %d in master %d\n", p, node[p].failed, node[p].session);
  update(node[p].session, true, node[p].failed);
  node[p].failed = 0;
  node[p].owes = false
}

// The answer to the client
inline acknowledge(p, number) {
  printf("node %d acknowledges %d\n", p, number);
  node[p].isOpen = false;
  if
  :: acknowledged < number -> acknowledged = number
  :: else
  fi;
  number = 0
}

// CommitPublisher.updateCache after each commit, and RedisCache.stayCurrent
proctype Writer(byte p) {
  byte mine;
end:
  do
  // RedisCache.checkSession and beginSession repair what is left.
  :: d_step { node[p].failed != 0 && IS_UNDISPUTED(p) -> repair(p) }
  // WriteBatcher.commit. The nodes are alike, so node 0 may commit first.
  :: d_step {
       database < REVISIONS && (database > 1 || p == 0) ->
       database++;
       mine = database;
       printf("node %d commits %d\n", p, mine)
     };
     if
     // RedisCache.update: kept, and certain that its readers see it
     :: d_step {
          IS_UNDISPUTED(p) ->
          printf("node %d updates master %d to %d\n", p, node[p].session, mine);
          update(node[p].session, false, mine);
          acknowledge(p, mine)
        }
     // RedisCache.waitUntilUndisputed: kept, but not certain
     :: d_step {
          node[p].session != NOWHERE && !IS_UNDISPUTED(p) ->
          printf("node %d updates master %d to %d, and waits\n", p, node[p].session, mine);
          update(node[p].session, false, mine);
          node[p].isOpen = true
        };
        if
        :: d_step {
             node[p].isOpen && IS_UNDISPUTED(p) ->
             REACHES(6, node[p].session > 0);
             acknowledge(p, mine)
           }
        :: d_step {
             !node[p].isOpen || !IS_CURRENT(p) ->
             printf("node %d is not certain of the master\n", p);
             fail(p, mine)
           };
           goto failed
        fi
     // The master hangs; it will run the update when nobody waits for it any more.
     :: d_step {
          node[p].session != NOWHERE && late == 0 ->
          printf("node %d sends %d to master %d, which hangs\n", p, mine, node[p].session);
          late = mine;
          lateReign = node[p].session;
          disconnect(p);
          fail(p, mine)
        };
        goto failed
     // There is no connection, or it refuses the command (`pendingCommandsMax`).
     :: d_step {
          printf("node %d can't update the cache to %d\n", p, mine);
          fail(p, mine)
        };
failed:
        if
#ifdef WITHOUT_REPAIRS
        :: d_step { true -> acknowledge(p, mine) }
#else
        // RedisCache.waitForRepair, or later RedisCache.hasRepaired
        :: d_step { IS_UNDISPUTED(p) -> repair(p); acknowledge(p, mine) }
        // Store.repairCache in a worker that nobody disputes the master of. The worker's update is
        // `RedisCache.update` like any other.
        :: d_step {
             printf("a worker repairs master %d for node %d\n", settled, p);
             update(settled, false, database);
             node[p].isSilent = false;
             REACHES(3, true);
             acknowledge(p, mine)
           }
        // CacheRepairs.wait gets no answer: nobody reads the cache.
        :: d_step {
             node[p].isSilent || MAY_BE_UNANSWERED(p) ->
             printf("node %d gets no answer from a worker\n", p);
             REACHES(4, true);
             node[p].isSilent = true;
             node[p].owes = true;
             acknowledge(p, mine)
           }
#endif
        fi
     fi
  od
}

// MARK: Reading

// ReadBatcher.read: a reader joins no look-up that began before it has the lease. A later one only
// finds newer revisions, so the model begins it at once.
#ifdef WITHOUT_LOADING_LAST
#define HAS_LOADED (loaded != 0)
#else
#define HAS_LOADED true
#endif
inline load(p) {
  loaded = database;
  printf("node %d loads %d from the database\n", p, loaded)
}

// Store.get: a default read. It begins and is answered in one step if it hits, so that what was
// acknowledged before it is `acknowledged`. A look-up in the database always finds that.
proctype Reader(byte p) {
  byte loaded;
end:
  do
  // RedisCache.find: a hit
  :: d_step {
       MAY_READ(p) && kept[node[p].session].kind == ENTRY ->
       printf("node %d reads %d from master %d; acknowledged was %d\n",
         p, kept[node[p].session].revision, node[p].session, acknowledged);
       REACHES(1, node[p].session > 0);
       REACHES(5, node[p].session < node[1 - p].session && node[1 - p].session < NOWHERE);
       assert(kept[node[p].session].revision >= acknowledged)
     }
#ifdef WITHOUT_LOADING_LAST
  :: d_step { loaded == 0 -> load(p) }
#endif
  // RedisCache.find: a miss with a lease
  :: d_step {
       MAY_READ(p) && kept[node[p].session].kind == NOTHING && HAS_LOADED ->
       printf("node %d has a lease in master %d\n", p, node[p].session);
       keep(node[p].session, LEASE, kept[node[p].session].revision, p + 1);
#ifndef WITHOUT_LOADING_LAST
       load(p)
#endif
     };
     // Store.load, RedisCache.fill
     if
     :: d_step {
          MAY_READ(p) ->
          if
          :: MAY_FILL(node[p].session, p) ->
             printf("node %d fills master %d with %d\n", p, node[p].session, loaded);
             keep(node[p].session, ENTRY, loaded, 0)
          :: else ->
             printf("node %d has lost its lease\n", p);
             REACHES(2, kept[node[p].session].kind == ENTRY)
          fi;
          loaded = 0
        }
     :: d_step { else -> loaded = 0 }
     fi
  od
}

// MARK: A node's connection and its Sentinels

#define IS_READY_TO_READ(p) \
  (node[p].session == node[p].view && MAY_BEGIN_TO_READ(p) && HAS_WAITED(p))

proctype Watch(byte p) {
end:
  do
  // RedisCache.readReplies: the connection is lost. Or checkSession: it is superseded.
  :: d_step {
       node[p].session != NOWHERE ->
       printf("node %d loses its connection\n", p);
       disconnect(p)
     }
  // RedisCache.beginSession, after the first observation (`Handshake`)
  :: d_step {
       node[p].session == NOWHERE ->
       printf("node %d connects to master %d\n", p, node[p].view);
       node[p].session = node[p].view;
       if
       :: kept[node[p].view].revision == 0 && MAY_CREATE(node[p].view) ->
          kept[node[p].view].revision = REMEMBERED(database)
       :: else
       fi
     }
  // RedisSession.readsFrom has passed.
  :: d_step {
       !node[p].readsOn && IS_READY_TO_READ(p) ->
       printf("node %d begins to read from master %d\n", p, node[p].session);
       node[p].readsOn = true;
#ifdef KNOWS_RESTARTS
       node[p].isFresh = false
#endif
     }
  // RedisMaster.isCertain: the votes expire. For the last master this does nothing that the loss of
  // a connection does not do.
  :: d_step {
       node[p].isCertain && node[p].view < REIGNS - 1 ->
       printf("the votes that node %d has for master %d expire\n", p, node[p].view);
       node[p].isCertain = false
     }
  // RedisMaster.confirm: the same master
  :: d_step {
       !node[p].isCertain && node[p].view == named ->
       printf("node %d is certain of master %d again\n", p, named);
       node[p].isCertain = true;
       END_SESSION(p)
     }
  // RedisMaster.confirm: another master
  :: d_step {
       node[p].view < named ->
       printf("node %d gets a majority for master %d\n", p, named);
       node[p].view = named;
       node[p].isCertain = true
     }
  // RepairEvidence: silence counts only for a moment, or an answer ends it.
  :: d_step { node[p].isSilent -> node[p].isSilent = false }
  od
}

// MARK: Sentinels and masters

// The master's process begins anew, without data: it has another run id (`Handshake`).
inline restart(reign) {
  printf("master %d restarts\n", reign);
  disconnectFrom(0, reign);
  disconnectFrom(1, reign);
  if
  :: lateReign == reign -> late = 0; lateReign = 0
  :: else
  fi;
#ifdef WITHOUT_GENERATIONS
  restore(reign)
#else
  keep(reign, NOTHING, 0, 0)
#endif
}

inline disconnectFrom(p, reign) {
  if
  :: node[p].session == reign -> disconnect(p)
  :: else
  fi;
#ifdef KNOWS_RESTARTS
  node[p].isFresh = node[p].isFresh || node[p].view == reign
#endif
}

#ifdef WITHOUT_GENERATIONS
// It has what was copied to it, or to its disk, under the same name.
inline restore(reign) {
  if
  :: copied != 0 -> keep(reign, ENTRY, copied, 0)
  :: else -> keep(reign, NOTHING, 0, 0)
  fi
}
#endif

#define IS_COUNTED(p, reign) (node[p].isCertain && node[p].view <= reign)

proctype World() {
end:
  do
  // A majority of the Sentinels has another master. From now on no node gets a new vote for the old
  // one that it needs for a majority (`SentinelVotes.decide`).
  :: d_step {
       named < REIGNS - 1 ->
       named++;
       printf("a majority of the Sentinels names master %d\n", named);
#ifdef WITHOUT_GENERATIONS
       restore(named)
#endif
     }
  // SentinelVotes.lifetime after that. The observations that count (`DropWatch`) are newer.
  :: d_step {
       settled < named && !IS_COUNTED(0, settled) && !IS_COUNTED(1, settled) ->
       FORGET(settled);
       settled++;
       printf("all votes for a master before %d have expired\n", settled);
#ifndef WITHOUT_DISPUTED_ENTRIES
       if
       :: kept[settled].kind != ENTRY -> kept[settled].revision = REMEMBERED(database)
       :: else
       fi
#endif
     }
  :: d_step { kept[settled].kind != NOTHING -> drop(settled) }
  :: d_step { kept[named].kind != NOTHING -> drop(named) }
  // A hanging master goes on.
  :: d_step {
       late != 0 ->
       printf("master %d runs the late update to %d\n", lateReign, late);
       update(lateReign, false, late);
       late = 0;
       lateReign = 0
     }
  :: d_step { settled == named -> restart(named) }
#ifdef WITHOUT_GENERATIONS
  // Replication and dumps are late.
  :: d_step {
       kept[settled].kind == ENTRY && settled == named ->
       printf("the replica and the dump have %d\n", kept[settled].revision);
       copied = kept[settled].revision
     }
#endif
  od
}

// Everybody trusts the first master, which knows nothing of the key.
init {
  atomic {
    kept[0].revision = REMEMBERED(database);
    node[0].isCertain = true;
    node[0].readsOn = true;
    node[1].isCertain = true;
    node[1].readsOn = true;
    run Writer(0);
    run Writer(1);
    run Reader(0);
    run Reader(1);
    run Watch(0);
    run Watch(1);
    run World()
  }
}
