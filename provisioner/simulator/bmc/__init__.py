"""An RMCP+ management controller (IPMI 2.0) on a UDP address of its own.

::

    rmcp.py       packets, cipher suites, checksums; no state
    sessions.py   the session table: few slots, idle ones expire
    handshake.py  Open Session and RAKP messages 1 to 4
    server.py     datagrams in, datagrams out; loss and silence
    commands.py   command table, privileges, completion codes
    app.py chassis.py storage.py sensors.py   the commands, by network function
    boot.py       boot flags and how long they stay valid
    fru.py sdr.py bytes of the inventory and of the sensor records
"""
