// The rules that keep the past out of the cache, for cache.pml. `-D WITHOUT_…` turns off one of
// them. The comment above each names the Swift code that follows it.

// A node trusts a master only as long as a majority of votes for it counts.
#ifdef WITHOUT_CERTAINTY
#define IS_CERTAIN(p) true
#else
#define IS_CERTAIN(p) node[p].isCertain
#endif

// That certainty is one about the master of the session: `session.version == master.version`.
#ifdef WITHOUT_VERSIONS
#define IS_OF_THIS_VIEW(p) true
#else
#define IS_OF_THIS_VIEW(p) (node[p].session == node[p].view)
#endif

// RedisCache.isCurrent
#define IS_CURRENT(p) (node[p].session != NOWHERE && IS_CERTAIN(p) && IS_OF_THIS_VIEW(p))

// RedisMaster.previousVotesExpire <= now
#define VOTES_HAVE_EXPIRED(p) (node[p].view <= settled)

// RedisCache.isUndisputed: nobody acknowledges or repairs by a new master before the votes for the
// previous one have expired.
#ifdef WITHOUT_DISPUTED_WRITES
#define IS_UNDISPUTED(p) IS_CURRENT(p)
#else
#define IS_UNDISPUTED(p) (IS_CURRENT(p) && VOTES_HAVE_EXPIRED(p))
#endif

// RedisCache.beginSession: nor does anybody read or fill by it.
#ifdef WITHOUT_DISPUTED_READS
#define MAY_BEGIN_TO_READ(p) true
#else
#define MAY_BEGIN_TO_READ(p) VOTES_HAVE_EXPIRED(p)
#endif

// RedisSession.observe: nor does an update create an entry in it: an observation (`DropWatch`) from
// before then counts for nothing, as newer revisions may have been told to the previous master
// alone. The code waits longer, until the session reads.
#ifdef WITHOUT_DISPUTED_ENTRIES
#define MAY_CREATE(reign) true
#else
#define MAY_CREATE(reign) (reign <= settled)
#endif

// RedisCache.beginSession: each session begins to read when the others had the time to repair what
// they have acknowledged without a repair, and to find that such a repair is possible again
// (`RedisConfiguration.quarantine`). The variants leave that out in a new reign, after a restart of
// the master, and where only the connection was lost.
#define OTHERS_HAVE_REPAIRED(p) (!node[1 - p].isSilent && !node[1 - p].owes)
#if defined(WITHOUT_QUARANTINE)
#define HAS_WAITED(p) (node[p].session == 0 && !node[p].isFresh || OTHERS_HAVE_REPAIRED(p))
#elif defined(WITHOUT_GRACE)
#define HAS_WAITED(p) (node[p].session > 0 || OTHERS_HAVE_REPAIRED(p))
#elif defined(WITHOUT_FRESH_QUARANTINE)
#define HAS_WAITED(p) (node[p].isFresh || OTHERS_HAVE_REPAIRED(p))
#else
#define HAS_WAITED(p) OTHERS_HAVE_REPAIRED(p)
#endif
// Whether the variant tells a restarted master from one that only the connection to was lost.
#if defined(WITHOUT_QUARANTINE) || defined(WITHOUT_FRESH_QUARANTINE)
#define KNOWS_RESTARTS
#endif

// RedisMaster.confirm: a node that is certain again needs a new session, which waits like others.
#ifdef WITHOUT_NEW_SESSION
#define END_SESSION(p) skip
#else
#define END_SESSION(p) disconnect(p)
#endif

// RepairEvidence: a request for a repair gets no answer only if the other node does not read. It
// lasts longer than a dispute: until then workers wait for the new master, while the other node may
// still read the old one.
#define READS(p) (node[p].readsOn && IS_CURRENT(p))
#ifdef WITHOUT_PATIENCE
#define MAY_BE_UNANSWERED(p) (!READS(1 - p) || settled < named)
#else
#define MAY_BE_UNANSWERED(p) !READS(1 - p)
#endif

// FailedUpdates.contains: a node does not read what it could not update.
#ifdef WITHOUT_DISTRUST
#define IS_DISTRUSTED(p) false
#else
#define IS_DISTRUSTED(p) (node[p].failed != 0)
#endif

// RedisCache.session(reading:)
#define MAY_READ(p) (IS_CURRENT(p) && node[p].readsOn && !IS_DISTRUSTED(p))

// CacheScript.update leaves only what is newer.
#ifdef WITHOUT_REVISIONS
#define IS_NEWER(reign, number) (kept[reign].kind == ENTRY || kept[reign].revision < number)
#else
#define IS_NEWER(reign, number) (kept[reign].revision < number)
#endif

// DropWatch: also when the newer entry was dropped, or was lost with a former master.
#ifdef WITHOUT_DROP_WATCH
#define REMEMBERED(number) 0
#else
#define REMEMBERED(number) number
#endif

// CacheScript.fill: a fill wants its lease.
#ifdef WITHOUT_LEASES
#define MAY_FILL(reign, p) (kept[reign].kind != ENTRY)
#else
#define MAY_FILL(reign, p) (kept[reign].kind == LEASE && kept[reign].holder == p + 1)
#endif

// With these two rules nobody reads a former master any more. The model then forgets what it keeps:
// fewer states, a faster search.
#if defined(WITHOUT_CERTAINTY) || defined(WITHOUT_VERSIONS)
#define IS_FORGOTTEN(reign) false
#define FORGET(reign) skip
#else
#define IS_FORGOTTEN(reign) (reign < settled)
#define FORGET(reign) keep(reign, NOTHING, 0, 0)
#endif

// An error in the run that looks for this state.
#define REACHES(number, condition) assert(REACH != number || !(condition))
