"""Every way in. A door translates and decides nothing: rules and authorisation live in the rooms below."""
