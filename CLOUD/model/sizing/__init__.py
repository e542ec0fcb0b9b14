"""What the cluster needs at a rate of requests, and what that costs.

    figures    reads and checks measured.json and assumptions.json
    demand     processor time and bytes of every service at a rate
    plan       machines, the limits of the design, the bottleneck
    cost       machines, disks and traffic in dollars a month
    documents  the tables, and their places in the Markdown files
    measuring  creates measured.json, on a real cluster
    services   the processes of that cluster, and what they use
"""
