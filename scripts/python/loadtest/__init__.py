"""What `load-tests/run` is made of, from the command line to the page that it writes.

    command    options, the order of things, the exit code
    options    what was asked for, checked
    store      the store under test: is it there, its keys before and after
    generator  one run of wrk, with load.lua, and what it says
    measuring  a mode: warm-up, then interval after interval
    latencies  a histogram that can be added up
    summary    figures of a mode, objectives, text and JSON
    page       the HTML page; charts draws its SVG
"""
