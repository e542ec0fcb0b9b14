"""What the cluster needs at a given rate of requests, and what that costs.

    figures    reads measured.json and assumptions.json, and refuses what is missing
    demand     processor time and bytes of every service at a rate
    plan       machines for that, the limits of the design, the bottleneck
    cost       machines, disks and traffic in dollars a month
    documents  the tables, and their places in the Markdown files
    measuring  makes measured.json, on a real cluster
    services   the processes of that cluster, and what they take
"""
