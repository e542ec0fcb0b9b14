"""The code of `load-tests/run`, from the command line to the page that it writes.

    command    the command: order of steps, exit code
    options    the options, checked
    store      the store under test: check, preparation and removal of keys
    generator  one run of wrk with load.lua; benchmarks use it, too
    measuring  one mode: a warm-up, then intervals
    latencies  a histogram of latencies
    summary    figures of a mode, objectives, text and JSON
    page       the HTML page; charts draws its SVG; benchmarks use both, too
"""
