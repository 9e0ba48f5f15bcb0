using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class FlightDumpTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void A_dump_reads_back_as_it_was()
    {
        FlightDump dump = Sample();
        dump.Save(_path);
        FlightDump read = FlightDump.Load(_path);
        Assert.Equal(dump with { Reports = [] }, read with { Reports = [] });
        Assert.Equal(dump.Reports.Select(static r => r with { Records = [] }), read.Reports.Select(static r => r with { Records = [] }));
        Assert.Equal(dump.Reports.SelectMany(static r => r.Records), read.Reports.SelectMany(static r => r.Records));
    }

    [Fact]
    public void A_broken_dump_is_refused_or_read_but_never_worse()
    {
        byte[] whole = FlightDumpFormat.ToBytes(Sample());
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.Throws<InputException>(() => FlightDumpFormat.Read(whole.AsSpan(0, length), "dump"));
        }

        Assert.Throws<InputException>(() => FlightDumpFormat.Read([.. whole, 0], "dump"));
        var random = new Random(1);
        int read = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] broken = [.. whole];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                broken[random.Next(broken.Length)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
            }

            try
            {
                FlightDump dump = FlightDumpFormat.Read(broken, "dump");
                Assert.NotEqual("", Verdict.Of(dump).Sentence);
                read++;
            }
            catch (InputException)
            {
                // One sentence is the right answer to a broken file.
            }
        }

        Assert.InRange(read, 1, 19_999);
    }

    [Fact]
    public void Counts_beyond_the_file_are_refused_before_memory_is_taken()
    {
        byte[] whole = FlightDumpFormat.ToBytes(VerdictTests.Dump([.. Enumerable.Range(0, 4).Select(static rank => new RankReport(rank, RankState.Answered, 0, []))]));
        // The last rank's number of records ends the file.
        BitConverter.TryWriteBytes(whole.AsSpan(whole.Length - sizeof(int)), int.MaxValue);
        Assert.Contains("a rank's number of records is 2147483647, expected 0 to 0", Assert.Throws<InputException>(() => FlightDumpFormat.Read(whole, "dump")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_version_is_named()
    {
        byte[] whole = FlightDumpFormat.ToBytes(Sample());
        whole[8] = 9;
        Assert.Contains("version 9, this build reads version 2", Assert.Throws<InputException>(() => FlightDumpFormat.Read(whole, "dump")).Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_path);

    private static FlightDump Sample() => VerdictTests.Dump([.. Enumerable.Range(0, 4).Select(static rank => new RankReport(
        rank, rank == 3 ? RankState.Silent : RankState.Answered, 5000 + rank,
        [.. Enumerable.Range(0, 3).Select(seq => VerdictTests.Record(7, seq, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, 100 + seq, seq == 2 ? 0 : 200))]))]);
}
