namespace Lean.Tensors.Tests;

public sealed class HostMemoryTests : IDisposable
{
    private const long Machine = 8_000_000L * 1024;
    private const long Available = 6_000_000L * 1024;

    private readonly TemporaryFolder _root = new();

    public HostMemoryTests() =>
        Put("proc/meminfo", "MemTotal:        8000000 kB\nMemFree:         1000000 kB\nMemAvailable:    6000000 kB\n");

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Without_control_groups_the_machine_counts() =>
        Assert.Equal(new HostMemory(Available, Machine), HostMemory.Read(_root.Path));

    [Fact]
    public void The_tightest_group_above_the_process_counts()
    {
        Put("proc/self/cgroup", "0::/pod/leaf\n");
        Group("sys/fs/cgroup/pod", "memory.max", "3000000", "memory.current", "1200000", "inactive_file 200000");
        Group("sys/fs/cgroup/pod/leaf", "memory.max", "max", "memory.current", "1000000", "inactive_file 0");
        Assert.Equal(new HostMemory(2_000_000, 3_000_000), HostMemory.Read(_root.Path));
    }

    [Fact]
    public void A_group_whose_path_is_not_visible_is_the_mount_itself()
    {
        Put("proc/self/cgroup", "5:devices:/\n4:cpu,memory:/docker/abc\n");
        Group("sys/fs/cgroup/memory", "memory.limit_in_bytes", "5000", "memory.usage_in_bytes", "9000", "total_inactive_file 1000");
        Assert.Equal(new HostMemory(0, 5000), HostMemory.Read(_root.Path));
    }

    [Fact]
    public void A_limit_above_the_machine_changes_nothing()
    {
        Put("proc/self/cgroup", "4:memory:/a\n0::/\n");
        Group("sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "9223372036854771712", "memory.usage_in_bytes", "1", "");
        Assert.Equal(new HostMemory(Available, Machine), HostMemory.Read(_root.Path));
    }

    [Fact]
    public void A_system_without_the_files_is_left_to_the_runtime() =>
        Assert.Null(HostMemory.Read(_root.At("absent")));

    private void Group(string folder, string limitFile, string limit, string usageFile, string usage, string stat)
    {
        Put($"{folder}/{limitFile}", limit + "\n");
        Put($"{folder}/{usageFile}", usage + "\n");
        Put($"{folder}/memory.stat", $"cache 5\n{stat}\n");
    }

    private void Put(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root.At(path))!);
        File.WriteAllText(_root.At(path), text);
    }
}
