using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A dump as bytes, little-endian: "LEANRING", version, time (UTC ticks), build, layout, transport, reason, then per rank its
/// number, state, clock and records. A rank's part alone also travels over the control channel.
/// </summary>
internal static class FlightDumpFormat
{
    /// <summary>Of the layout below. A dump of another version is refused.</summary>
    public const int Version = 2;

    /// <summary>The most records of one rank.</summary>
    public const int MostRecords = 1 << 16;

    private const int MostText = 2000;
    private const int RecordBytes = 72;

    private static ReadOnlySpan<byte> Magic => "LEANRING"u8;

    public static byte[] ToBytes(FlightDump dump)
    {
        var bytes = new ByteWriter();
        foreach (byte letter in Magic)
        {
            bytes.Byte(letter);
        }

        bytes.Int(Version).Long(dump.Created.UtcTicks).Text(dump.Build, MostText)
            .Int(dump.Layout.Tensor).Int(dump.Layout.Data).Byte(dump.Layout.Expert ? (byte)1 : (byte)0)
            .Text(dump.Transport, MostText).Text(dump.Reason, MostText);
        foreach (RankReport report in dump.Reports)
        {
            Write(bytes, report);
        }

        return bytes.Written.ToArray();
    }

    public static FlightDump Read(ReadOnlySpan<byte> source, string name)
    {
        var bytes = new ByteReader(source, $"'{name}' is no dump that can be read");
        foreach (byte letter in Magic)
        {
            if (bytes.Byte("the first bytes") != letter)
            {
                throw bytes.Broken("it does not begin with LEANRING");
            }
        }

        if (bytes.Int("the version") is int version and not Version)
        {
            throw bytes.Broken($"its format is version {version}, this build reads version {Version}");
        }

        long ticks = bytes.Long("the time");
        if (ticks < 0 || ticks > DateTimeOffset.MaxValue.UtcTicks)
        {
            throw bytes.Broken($"its time is {ticks}");
        }

        string build = bytes.Text("the build", MostText);
        var layout = new ParallelLayout(bytes.Int("TP"), bytes.Int("DP"), bytes.Byte("EP") != 0);
        string transport = bytes.Text("the transport", MostText), reason = bytes.Text("the reason", MostText);
        var reports = new RankReport[layout.Ranks];
        for (int rank = 0; rank < reports.Length; rank++)
        {
            reports[rank] = ReadReport(ref bytes, rank);
        }

        bytes.End();
        return new FlightDump(new DateTimeOffset(ticks, TimeSpan.Zero), build, layout, transport, reason, ImmutableArray.Create(reports));
    }

    /// <summary>Writes one rank's part.</summary>
    public static void Write(ByteWriter bytes, RankReport report)
    {
        bytes.Int(report.Rank).Byte((byte)report.State).Long(report.Now).Int(report.Records.Length);
        foreach (FlightRecord r in report.Records)
        {
            bytes.Long(r.Step).Int(r.Seq).Byte((byte)r.Kind).Byte((byte)r.Group).Byte((byte)r.Type).Byte((byte)r.Purpose)
                .Int(r.Layer).Int(r.Rows).Int(r.TotalRows).Int(r.Width).Long((long)r.Digest).Long(r.Submitted).Long(r.Reached).Long(r.Started).Long(r.Finished);
        }
    }

    /// <summary>Reads one rank's part.</summary>
    /// <exception cref="InputException">It is broken, or another rank's.</exception>
    public static RankReport ReadReport(ref ByteReader bytes, int rank)
    {
        _ = bytes.Int("a rank's number", rank, rank);
        RankState state = bytes.Enum<RankState>("a rank's state");
        long now = bytes.Long("a rank's clock");
        var records = new FlightRecord[bytes.Int("a rank's number of records", 0, int.Min(MostRecords, int.Max(0, bytes.Left - sizeof(int)) / RecordBytes))];
        for (int i = 0; i < records.Length; i++)
        {
            records[i] = new FlightRecord(
                bytes.Long("a step"), bytes.Int("a seq"), bytes.Enum<CollectiveKind>("a kind"), bytes.Enum<GroupKind>("a group"),
                bytes.Enum<DType>("a type"), bytes.Enum<CollectivePurpose>("a purpose"), bytes.Int("a layer"),
                bytes.Int("rows"), bytes.Int("all rows"), bytes.Int("a width"), (ulong)bytes.Long("a digest"),
                bytes.Long("a time"), bytes.Long("a time"), bytes.Long("a time"), bytes.Long("a time"));
        }

        return new RankReport(rank, state, now, ImmutableArray.Create(records));
    }
}
