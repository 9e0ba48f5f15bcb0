namespace Lean.Tensors.Tests.Files;

public sealed class ReadAheadTests : IDisposable
{
    private const long Bytes = 130L << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_is_read_while_the_caller_does_something_else()
    {
        using Checkpoint checkpoint = Make();
        using var done = new ManualResetEventSlim();
        var seen = new Seen { OnReport = read => Signal(done, read == Bytes) };
        using ReadAhead ahead = ReadAhead.Start(checkpoint, free: Bytes, seen);
        Assert.True(done.Wait(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken), "nothing was read");
        Assert.Equal([64L << 20, 128L << 20, Bytes], seen.Values);
        Assert.NotEqual(Environment.CurrentManagedThreadId, seen.Thread);
    }

    [Fact]
    public void Nothing_is_read_where_memory_does_not_hold_it()
    {
        using Checkpoint checkpoint = Make();
        var seen = new Seen();
        ReadAhead.Start(checkpoint, free: Bytes - 1, seen).Dispose();
        Assert.Empty(seen.Values);
    }

    [Fact]
    public void The_checkpoint_may_close_once_it_is_disposed()
    {
        using Checkpoint checkpoint = Make();
        ReadAhead ahead = ReadAhead.Start(checkpoint, free: Bytes, new Seen());
        ahead.Dispose();

        // A thread that still read would end the process here.
        checkpoint.Dispose();
    }

    private static void Signal(ManualResetEventSlim done, bool isLast)
    {
        if (isLast)
        {
            done.Set();
        }
    }

    private Checkpoint Make()
    {
        _folder.Raw("model.safetensors", $$$"""{"w":{"dtype":"I8","shape":[{{{Bytes}}}],"data_offsets":[0,{{{Bytes}}}]}}""", Bytes);
        return Checkpoint.Open(_folder.Path);
    }

    private sealed class Seen : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public int Thread { get; private set; }

        public Action<long> OnReport { get; init; } = static _ => { };

        public void Report(long value)
        {
            Values.Add(value);
            Thread = Environment.CurrentManagedThreadId;
            OnReport(value);
        }
    }
}
