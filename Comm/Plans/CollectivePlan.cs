using System.Collections.Immutable;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// The collectives of a step in the one order in which every rank submits them, also a rank with nothing to compute, and the
/// rows they follow from. Made once by the coordinator and executed by all.
/// </summary>
public sealed class CollectivePlan
{
    private const int MostEntries = 1 << 16;
    private const int MostReplicas = 4096;

    /// <summary>Makes a plan.</summary>
    /// <param name="rows">The step's rows, replica by replica.</param>
    /// <param name="entries">The collectives in order.</param>
    public CollectivePlan(StepRows rows, ImmutableArray<PlannedCollective> entries)
    {
        (Rows, Entries) = (rows, entries);
        var bytes = new ByteWriter();
        WriteRows(bytes);
        var hash = new XxHash3();
        hash.Append(bytes.Written);
        foreach (PlannedCollective entry in entries)
        {
            ulong digest = entry.Digest;
            hash.Append(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in digest)));
        }

        Digest = hash.GetCurrentHashAsUInt64();
        ByteCount = bytes.Length + sizeof(int) + entries.Sum(static e => e.ByteCount);
    }

    /// <summary>The step's rows.</summary>
    public StepRows Rows { get; }

    /// <summary>The collectives in order.</summary>
    public ImmutableArray<PlannedCollective> Entries { get; }

    /// <summary>A stable hash of rows and entries, the same on every (little-endian) machine.</summary>
    public ulong Digest { get; }

    /// <summary>How many bytes <see cref="ToBytes"/> writes.</summary>
    internal int ByteCount { get; }

    /// <summary>The plan as bytes, for a rank whose own plan has another digest.</summary>
    internal byte[] ToBytes()
    {
        var bytes = new ByteWriter();
        WriteRows(bytes);
        bytes.Int(Entries.Length);
        foreach (PlannedCollective entry in Entries)
        {
            entry.Write(bytes);
        }

        return bytes.Written.ToArray();
    }

    /// <summary>What one plan holds first that another one does not; null where both are the same.</summary>
    /// <param name="plan">A rank's plan, as <see cref="ToBytes"/> wrote it.</param>
    /// <param name="rank">Whose it is.</param>
    /// <param name="other">Another rank's plan.</param>
    /// <param name="otherRank">Whose that is.</param>
    /// <exception cref="InputException">One of them is no plan.</exception>
    internal static string? Difference(ReadOnlySpan<byte> plan, int rank, ReadOnlySpan<byte> other, int otherRank)
    {
        var ours = new ByteReader(plan, $"the plan of rank {rank}");
        var theirs = new ByteReader(other, $"the plan of rank {otherRank}");
        string? difference = Difference("real rows", ref ours, ref theirs, otherRank) ?? Difference("padded rows", ref ours, ref theirs, otherRank);
        (int count, int otherCount) = difference is null ? (Count(ref ours), Count(ref theirs)) : (0, 0);
        for (int i = 0; difference is null && i < int.Max(count, otherCount); i++)
        {
            PlannedCollective? own = i < count ? PlannedCollective.Read(ref ours) : null, their = i < otherCount ? PlannedCollective.Read(ref theirs) : null;
            difference = own?.Digest == their?.Digest ? null
                : $"seq {i + 1} is {own?.ToString() ?? "missing"} where rank {otherRank} has {their?.ToString() ?? "nothing more"}";
        }

        return difference;
    }

    private static int Count(ref ByteReader bytes) => bytes.Int("the number of collectives", 0, MostEntries);

    private static string? Difference(string what, ref ByteReader ours, ref ByteReader theirs, int otherRank)
    {
        int[] own = ours.Ints(what, MostReplicas), other = theirs.Ints(what, MostReplicas);
        return own.AsSpan().SequenceEqual(other) ? null : $"{what} are [{string.Join(", ", own)}] where rank {otherRank} has [{string.Join(", ", other)}]";
    }

    private void WriteRows(ByteWriter bytes) => bytes
        .Ints([.. Rows.Real.Select(static r => r.Count)]).Ints([.. Rows.Padded.Select(static r => r.Count)]);
}
