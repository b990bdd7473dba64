"""A MAAS region that is not there: its REST API 2.0, and machines that go through its states.

It speaks only over the wire, imports nothing else of this project and nothing imports it. Time
passes when somebody asks: whatever has come due since the last request is carried out before the
next one is answered, so nothing runs in the background.

::

    main.py        command line              app.py       HTTP, signatures, faults
    routing.py     table of operations       oauth.py     PLAINTEXT signatures
    region.py      all that a region knows   plant.py     the machines as they stand in the racks
    machine.py     record and view           lifecycle.py its states and what moves them
    interface.py   network of a machine      network.py   fabrics, VLANs, subnets, ranges
    storage.py     disks of a machine        layouts.py   what a storage layout makes of them
    answers_*.py   operations by noun        control.py   control interface
    faults.py      what can be made to go wrong
"""
