"""A USB webcam that the guest's kernel believes in: USB Video Class, spoken over USB/IP to its
virtual host controller. wire ◀ device (descriptors, controls, negotiation) ◀ camera ▶ pictures."""
