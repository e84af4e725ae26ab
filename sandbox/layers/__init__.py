"""The walls around a child: namespaces, landlock, seccomp, cgroups. Linux only."""
