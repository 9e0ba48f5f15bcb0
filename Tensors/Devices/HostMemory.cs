using System.Globalization;
using System.Runtime.CompilerServices;

// The tests give Read a made-up file system: the machine they run on has only one kind of control group.
[assembly: InternalsVisibleTo("Lean.Tensors.Tests")]

namespace Lean.Tensors;

/// <summary>How much memory the host has for this process: the machine's, or its control group's where that is less.</summary>
/// <param name="Free">Bytes that can be allocated now; pages of files that the system may drop count as free.</param>
/// <param name="Total">Bytes in all.</param>
internal readonly record struct HostMemory(long Free, long Total)
{
    private const long Kilobyte = 1024;

    /// <summary>Reads the host's memory as of now.</summary>
    public static HostMemory Read()
    {
        if (OperatingSystem.IsLinux() && Read("/") is HostMemory memory)
        {
            return memory;
        }

        GCMemoryInfo info = GC.GetGCMemoryInfo();
        return new HostMemory(long.Max(0, info.TotalAvailableMemoryBytes - info.MemoryLoadBytes), info.TotalAvailableMemoryBytes);
    }

    /// <summary>Reads a Linux system's files under <paramref name="root"/>; null where it has no /proc/meminfo.</summary>
    public static HostMemory? Read(string root)
    {
        string[] meminfo = Lines(Path.Combine(root, "proc/meminfo"));
        if (Field(meminfo, "MemAvailable:") is not long available || Field(meminfo, "MemTotal:") is not long total)
        {
            return null;
        }

        var memory = new HostMemory(available * Kilobyte, total * Kilobyte);
        foreach (string line in Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            // Of the form id:controllers:path; no controllers means version 2.
            string[] parts = line.Split(':', 3);
            if (parts.Length == 3 && parts[1].Length == 0)
            {
                memory = memory.Within(Path.Combine(root, "sys/fs/cgroup"), parts[2], "memory.max", "memory.current", "inactive_file");
            }
            else if (parts.Length == 3 && parts[1].Split(',').Contains("memory"))
            {
                memory = memory.Within(
                    Path.Combine(root, "sys/fs/cgroup/memory"), parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
            }
        }

        return memory;
    }

    /// <summary>Applies the limits of a group and of every group above it, down from the mount.</summary>
    private HostMemory Within(string mount, string group, string limitFile, string usageFile, string inactiveField)
    {
        HostMemory memory = Within(mount, limitFile, usageFile, inactiveField);
        string folder = mount;
        foreach (string part in group.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            // In a container the path may be the host's, which is not visible inside: then the mount is the own group.
            folder = Path.Combine(folder, part);
            memory = memory.Within(folder, limitFile, usageFile, inactiveField);
        }

        return memory;
    }

    private HostMemory Within(string folder, string limitFile, string usageFile, string inactiveField)
    {
        if (Number(Path.Combine(folder, limitFile)) is not long limit || Number(Path.Combine(folder, usageFile)) is not long usage)
        {
            return this;
        }

        // Files that were read are charged to the group, yet dropped before it runs out.
        long dropped = Field(Lines(Path.Combine(folder, "memory.stat")), inactiveField) ?? 0;
        long free = long.Max(0, limit - long.Max(0, usage - dropped));
        return new HostMemory(long.Min(Free, free), long.Min(Total, limit));
    }

    private static long? Number(string path) =>
        Lines(path) is [string line, ..] && long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : null;

    private static long? Field(string[] lines, string name)
    {
        foreach (string line in lines)
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && words[0] == name && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            {
                return value;
            }
        }

        return null;
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A limit that cannot be read is not applied: the machine's own figure still holds.
            return [];
        }
    }
}
