"""The fleet simulator: machines whose BMC, firmware, disk and ramdisk agent behave as real ones.

It speaks only over the wire (RMCP+ and HTTP), so that a demo, a scale test or a chaos test runs
the same path as a data centre does. It imports nothing else of this project and nothing imports
it.

::

    main.py      command line
    fleet.py     names, addresses, start and stop of all machines
    machine.py   power, boot order, life between power-on and power-off
    firmware.py  network boot (ipxe.py parses the script) or boot from disk.py
    bmc/         RMCP+ server, one per machine
    agent/       ramdisk agent, alive while its machine is on
    images.py    image server          control.py   control interface
    faults.py    what can be made to go wrong
    journal.py   one JSON line per command or event
"""
