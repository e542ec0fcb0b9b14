"""How each kind of fault begins and ends: a function that yields once, between the two. What it
yields tells what happened."""

import threading

from kvcluster import ClusterError, redis

from .links import MODES

# How long a step that is repeated waits for the next time.
PAUSE_SECONDS = 0.5
# As in rabbitmq/rabbitmq.conf.
MEMORY, DISK = "768MiB", "256MiB"
# rabbitmqctl may fail while the machine does much else. An alarm that stays on would look as if the
# system did not recover.
ALARM_ATTEMPTS = 5


def kill(world, fault):
    """kill -9."""
    services = world.services(fault.target)
    for service in services:
        service.kill()
    yield _names(services)
    _launch(services)


def pause(world, fault):
    """SIGSTOP and SIGCONT."""
    services = world.services(fault.target)
    for service in services:
        service.pause()
    yield _names(services)
    for service in services:
        service.resume()


def restart(world, fault):
    """In an orderly way. It is used again by others once the group of faults is over."""
    services = world.services(fault.target)
    world.cluster.stop([service.name for service in services])
    yield _names(services)
    _launch(services)


def link(world, fault):
    """A rule for the connections from one side to the other; with `<>` also for the other way."""
    is_mutual = " <> " in fault.target
    left, right = fault.target.split(" <> " if is_mutual else " > ")
    sides = [world.names(left), world.names(right)]
    rules = [world.network.begin(fault.kind, *sides, **fault.amounts)]
    if is_mutual:
        rules.append(world.network.begin(fault.kind, *reversed(sides), **fault.amounts))
    count = sum(connections for _, connections in rules)
    yield f"{'+'.join(sides[0])} and {'+'.join(sides[1])}, {count} connections"
    for number, _ in rules:
        world.network.end(number)


def failover(world, fault):
    """Sentinel makes another Redis the master, although the old one serves."""
    before = "+".join(world.names("redis master"))
    (sentinel,) = world.services(fault.target)
    answer = sentinel.ask("SENTINEL", "FAILOVER", redis.MASTER)
    yield f"{before} is replaced" if answer else "no failover: Sentinel has refused"


def memory_alarm(world, fault):
    yield from _alarm(world, fault, ["set_vm_memory_high_watermark", "absolute"], "1MB", MEMORY)


def disk_alarm(world, fault):
    yield from _alarm(world, fault, ["set_disk_free_limit"], "1000GB", DISK)


def _alarm(world, fault, words, low, usual):
    (node,) = world.services(fault.target)
    is_set = node.control(*words, low) is not None
    yield f"{node.name}" if is_set else "rabbitmqctl has failed"
    for _ in range(ALARM_ATTEMPTS):
        if node.control(*words, usual) is not None or not node.is_alive:
            return
    raise ClusterError(
        f"{node.name} keeps its alarm: `rabbitmqctl {' '.join(words)}` has failed "
        f"{ALARM_ATTEMPTS} times; is the machine too slow?"
    )


def full_disk(world, fault):
    (name,) = world.names(fault.target)
    world.disks.fill(name)
    yield name
    world.disks.free(name)
    # A RabbitMQ node that could not write its log goes on without it: its members of quorum queues
    # are dead, and consumers at this node get nothing more, until it is restarted.
    if name.startswith("rabbitmq"):
        world.cluster[name].kill()
        world.cluster[name].launch()


def end_sessions(world, fault):
    """The database ends all sessions of the programs, again and again."""
    yield from _repeatedly(world.sessions.end)


def cancel_queries(world, fault):
    """The database cancels the running statements of the programs, again and again."""
    yield from _repeatedly(world.sessions.cancel)


def _repeatedly(step):
    stopping = threading.Event()

    def work():
        step()
        while not stopping.wait(PAUSE_SECONDS):
            step()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield "again and again"
    stopping.set()
    thread.join()


def _launch(services):
    """Starts what has ended, without waiting: another fault may still keep it from being ready."""
    for service in services:
        if not service.is_alive:
            service.launch()


def _names(services):
    return "+".join(service.name for service in services)


WAYS = {
    "kill": kill, "pause": pause, "restart": restart, "failover": failover,
    "memory alarm": memory_alarm, "disk alarm": disk_alarm, "full disk": full_disk,
    "end sessions": end_sessions, "cancel queries": cancel_queries,
} | dict.fromkeys(MODES, link)
