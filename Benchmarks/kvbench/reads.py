"""The cluster's reads of cached and of other keys."""

from .load import VALUE
from .measures import KEYS_CACHED
from .report import Row, judged
from .turns import say, take_turns

CACHED_CPU_MICROSECONDS = 11


class Hits:
    """The share of look-ups that the cache answered, for each run."""

    def __init__(self, cluster, load):
        self.cluster = cluster
        self.load = load
        self.shares = []

    def _counted(self, answer):
        return self.cluster.counted("kv_cache_lookups_total", answer=answer)

    def __call__(self, seconds):
        hits, others = self._counted("hit"), self._counted("miss") + self._counted("expired")
        run = self.load(seconds)
        hits = self._counted("hit") - hits
        others = self._counted("miss") + self._counted("expired") - others
        self.shares.append(hits / max(1, hits + others))
        return run

    @property
    def counting(self):
        """The shares of all runs except the first one, which only warms up."""
        return self.shares[1:]


def cached(measures):
    say("GET of cached keys")
    cluster, webdis, peer = measures.cluster, measures.webdis, measures.peer
    cluster.store("bench/", KEYS_CACHED, VALUE)
    feed = "".join(f"SET bench:{number} {VALUE}\n" for number in range(1, KEYS_CACHED + 1))
    cluster.redis_cli(feed=feed)
    if webdis.value("bench:1") != VALUE:
        raise RuntimeError("webdis does not return the value")
    direct = Hits(cluster, measures.get(cluster.url, "/kv/bench/", cluster.apis[:1]))
    ours, theirs = "GET cached: kv-api", "GET cached: webdis"
    through, constant = "GET cached: kv, Nginx", "GET: constant answer, Nginx"
    proxy, behind = measures.constant_proxy, measures.constant
    url, servers = measures.nginx()
    proxied = measures.get(url, "/kv/bench/", servers)
    contenders = {
        ours: direct,
        theirs: measures.get(webdis.url, "/GET/bench:", [webdis], cluster.redis, ".txt"),
        through: proxied,
        constant: measures.get(proxy.url, "/kv/bench/", [proxy, behind], ()),
    }
    pairs = [(ours, theirs), (through, constant)]
    if peer:
        peer.store("bench/", KEYS_CACHED, VALUE)
        for name, url, servers in measures.peers():
            contenders[f"GET cached: {name}"] = measures.get(url, "/kv/bench/", servers)
        pairs += measures.peer_pairs("GET cached")
    series = take_turns(contenders, measures.seconds, measures.rounds, pairs)
    rows, goals = {name: one.row() for name, one in series.items()}, measures.goals
    measures.judge_ratio(rows, series, ours, theirs, goals.cached, direct.load)
    measures.judge_ratio(
        rows, series, through, constant, goals.cached_nginx, proxied, "constant, Nginx"
    )
    microseconds = series[ours].cpu_microseconds
    cpu = Row("  CPU of kv-api a request", f"{microseconds:.1f} µs")
    passes = microseconds <= CACHED_CPU_MICROSECONDS
    judged(cpu, f"≤ {CACHED_CPU_MICROSECONDS} µs", cpu.measured, passes)
    if not passes:
        measures.missed[cpu.what] = direct.load
    share = min(direct.counting)
    hits = Row("  of them from the cache", f"at least {share:.1%}")
    extra = [cpu, judged(hits, "≥ 99 %", f"{share:.1%}", share >= 0.99)]
    if peer:
        extra += measures.against_peer(series, "GET cached", "FastAPI", goals.peer_reads)
    measures.add_series(rows, series, extra)


def uncached(measures):
    say("GET of keys that are not cached")
    cluster, rows_max = measures.cluster, measures.pgbench.rows
    # No key is read twice until a thread has read all of its part.
    read = measures.get(cluster.url, "/kv/", cluster.apis[:1], keys=rows_max)

    def load(seconds):
        cluster.redis_cli("FLUSHALL")
        return read(seconds)

    ours, theirs = "GET not cached: kv-api", "pgbench, select of a row"
    direct = Hits(cluster, load)
    contenders = {ours: direct, theirs: measures.pgbench.selects}
    series = take_turns(contenders, measures.seconds, measures.rounds)
    rows = {name: one.row() for name, one in series.items()}
    measures.judge_ratio(rows, series, ours, theirs, measures.goals.uncached, load)
    share = max(direct.counting)
    hits = Row("  of them from the cache", f"at most {share:.1%}")
    measures.add_series(rows, series, [judged(hits, "< 1 %", f"{share:.1%}", share < 0.01)])
