"""SSH servers: only those that this user's known_hosts has are spoken to."""

import paramiko


class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # untyped
    """Takes the keys that are in `~/.ssh/known_hosts`; fsspec alone would take any."""

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """See paramiko.

        Raises:
            paramiko.SSHException: the key is not there.
        """
        known = paramiko.SSHClient()
        known.load_system_host_keys()
        if not known._system_host_keys.check(hostname, key):
            raise paramiko.SSHException(
                f"{hostname} is not in ~/.ssh/known_hosts with this key: ssh to it once"
            )
