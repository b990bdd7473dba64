"""The ramdisk agent: speaks the ironic-python-agent protocol to the API and listens to it.

::

    service.py     its life: inspect, look up, beat, until power-off
    api.py         its requests to the provisioning API
    listener.py    its own HTTP interface
    commands.py    the commands given to it, one at a time
    extensions.py  what each command does
    steps.py       the steps that its hardware manager offers
    image.py       download, verify and write an image
    inventory.py   what it reports about the hardware
"""
