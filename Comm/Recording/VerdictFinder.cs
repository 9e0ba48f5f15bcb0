using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Lean.Comm;

/// <summary>
/// The reasoning behind a <see cref="Verdict"/>. All ranks submit the same collectives in one order, so the earliest place
/// where they differ, or where one is missing, is where the fault began; what others wait for later only follows from it. One that is
/// queued on a device is missing until the device has come to it. Where rings show nothing of the kind, the reason for which they were
/// collected is all there is.
/// </summary>
internal sealed partial class VerdictFinder(FlightDump dump)
{
    private const double Nanosecond = 1e-9;

    private readonly FlightRecord?[] _pending = [.. dump.Reports.Select(static r => r.State == RankState.Answered
        ? r.Records.Where(static c => c.Finished == 0).OrderBy(static c => c.Position).Select(static c => (FlightRecord?)c).FirstOrDefault() : null)];

    /// <summary>Finds the culprit.</summary>
    public Verdict Find() => Refused() ?? Absent() ?? Disagreement() ?? Waiting() ?? new Verdict(dump.Reason, Blamed(), -1, -1);

    /// <summary>Ranks that were not taken in: the reason says why.</summary>
    private Verdict? Refused() => dump.Reports.Where(static r => r.State == RankState.Refused).Select(static r => r.Rank).ToArray() is { Length: > 0 } ranks
        ? new Verdict(dump.Reason, [.. ranks], -1, -1) : null;

    /// <summary>The rank that a fault's sentence begins with, which is how ranks name the one to blame.</summary>
    private ImmutableArray<int> Blamed() =>
        Sentence().Match(dump.Reason) is { Success: true } match && int.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out int rank) && rank < dump.Reports.Length ? [rank] : [];

    [GeneratedRegex(@"^(?:the plan of )?rank (\d{1,9}) (?!waited )")]
    private static partial Regex Sentence();

    /// <summary>Ranks that are not there: what others wait for is theirs.</summary>
    private Verdict? Absent()
    {
        foreach (RankState state in new[] { RankState.NeverCame, RankState.Gone, RankState.Silent })
        {
            int[] ranks = [.. dump.Reports.Where(r => r.State == state).Select(static r => r.Rank)];
            if (ranks.Length > 0)
            {
                RankReport first = dump.Reports[ranks[0]];
                bool one = ranks.Length == 1;
                string what = state switch
                {
                    RankState.NeverCame => $"{Names.Ranks(ranks)} of {dump.Layout.Ranks} never came",
                    RankState.Gone => $"{Names.Ranks(ranks)} {(one ? "is" : "are")} gone ({(one ? "its process" : "their processes")} ended)",
                    _ => $"{Names.Ranks(ranks)} {(one ? "does" : "do")} not answer since {Seconds(first.Now)} (stopped, or out of reach)",
                };
                FlightRecord? waiting = Earliest();
                string last = state == RankState.NeverCame ? "" : first.Records is [.., FlightRecord seen]
                    ? $"; rank {first.Rank} was last seen at step {seen.Step}, seq {seen.Seq} ({seen.Use})"
                    : $"; rank {first.Rank} was not seen in any collective";
                return new Verdict(what + (waiting is FlightRecord w ? $"; {WaitingAt(w)}" : "") + last, [.. ranks], waiting?.Step ?? -1, waiting?.Seq ?? -1);
            }
        }

        return null;
    }

    /// <summary>The first place where ranks submitted different collectives.</summary>
    private Verdict? Disagreement()
    {
        var first = dump.Reports.SelectMany(static r => r.Records.Select(c => (r.Rank, Record: c)))
            .GroupBy(static x => x.Record.Position).OrderBy(static g => g.Key)
            .FirstOrDefault(static g => g.Select(static x => x.Record.Digest).Distinct().Count() > 1);
        if (first is null)
        {
            return null;
        }

        // The most common entry is taken for the right one; among equals, the one of the lowest rank.
        (int Rank, FlightRecord Record)[][] camps = [.. first.GroupBy(static x => x.Record.Digest)
            .Select(static g => g.OrderBy(static x => x.Rank).ToArray()).OrderByDescending(static c => c.Length).ThenBy(static c => c[0].Rank)];
        int[] culprits = [.. camps.Skip(1).SelectMany(static c => c).Select(static x => x.Rank).Order()];
        string others = string.Join("; ", camps.Skip(1).Select(c => $"{Names.Ranks([.. c.Select(static x => x.Rank)])} submitted {Whole(c[0].Record)}"));
        return new Verdict(
            $"{others} as seq {first.Key.Seq} of step {first.Key.Step}, where {Names.Ranks([.. camps[0].Select(static x => x.Rank)])} submitted {Whole(camps[0][0].Record)}",
            [.. culprits], first.Key.Step, first.Key.Seq);
    }

    /// <summary>The earliest collective that somebody waits in, and who has not come to it.</summary>
    private Verdict? Waiting()
    {
        Verdict? transport = null;
        long longest = _pending.Select((p, rank) => p is FlightRecord { Reached: not 0 } r ? dump.Reports[rank].Now - r.Waits : 0).DefaultIfEmpty().Max();
        foreach ((FlightRecord at, int rank) in _pending.Select(static (p, rank) => (p, rank)).Where(static x => x.p is not null).Select(static x => (x.p!.Value, x.rank)).OrderBy(static x => x.Value.Position))
        {
            RankGroup group = dump.Layout.Group(at.Group, rank);
            int[] pending = [.. group.Members.Where(m => _pending[m]?.Position == at.Position)], behind = [.. group.Members.Where(m => IsBehind(m, at.Position))];
            int[] missing = [.. group.Members.Where(m => !Submitted(dump.Reports[m], at.Position))], there = [.. pending.Except(behind)];
            long since = (there.Length > 0 ? there : pending).Max(r => dump.Reports[r].Now - _pending[r]!.Value.Waits);
            string what = $"seq {at.Seq} ({at.Use}) of step {at.Step}";
            string wait = there.Length == 0 ? "" : $"; {Names.Ranks(there)} {(there.Length == 1 ? "waits" : "wait")} there since {Seconds(since)}";
            if (missing.Length > 0)
            {
                return new Verdict($"{Names.Ranks(missing)} never submitted {what}{wait}; {string.Join("; ", missing.Select(Position))}", [.. missing], at.Step, at.Seq);
            }

            // All have come. One that was caught on its way through has nothing to do with why others wait for so long.
            if (since * 2 < longest)
            {
                continue;
            }

            if (behind.Length > 0)
            {
                return new Verdict(
                    $"{Names.Ranks(behind)} submitted {what}, but {(behind.Length == 1 ? "its device has" : "their devices have")} not come to it{wait}; {string.Join("; ", behind.Select(Place))}",
                    [.. behind], at.Step, at.Seq);
            }

            string came = $"every rank of {group} submitted {what}, but {Names.Ranks(there)} did not finish it since {Seconds(since)}";
            if (dump.Transport == LoopbackCollectives.Name)
            {
                // Threads move the data themselves: it is they who stand still, and others may wait for them further on.
                return new Verdict($"{came}: {(there.Length == 1 ? "it stands" : "they stand")} still in it", [.. there], at.Step, at.Seq);
            }

            transport ??= new Verdict($"{came}: {dump.Transport} does not move the data", [], at.Step, at.Seq);
        }

        return transport;
    }

    private bool IsBehind(int rank, (long, int) position) => dump.Reports[rank].Records.Any(r => r.Position == position && r.Reached == 0);

    private static bool Submitted(RankReport report, (long, int) position) =>
        report.Records.Any(r => r.Position == position)
        // A ring that has gone round no longer holds the entry, but what came after it.
        || (report.Records is [FlightRecord oldest, ..] && oldest.Position.CompareTo(position) > 0);

    private string Position(int rank) => dump.Reports[rank] switch
    {
        { Records: [.., FlightRecord last] } report =>
            $"rank {rank} is at step {last.Step}, seq {last.Seq} ({last.Use}){(last.Finished == 0 ? "" : $", finished {Seconds(report.Now - last.Finished)} ago")}",
        _ => $"rank {rank} has submitted nothing yet",
    };

    // What stands still there came after all that the device has come to.
    private string Place(int rank) => dump.Reports[rank].Records.Where(static r => r.Reached != 0).OrderBy(static r => r.Position).ToArray() is [.., FlightRecord last]
        ? $"the device of rank {rank} stands {(last.Finished == 0 ? "in or " : "")}behind seq {last.Seq} ({last.Use}) of step {last.Step}, which it came to {Seconds(dump.Reports[rank].Now - last.Waits)} ago"
        : $"the device of rank {rank} has come to no collective yet";

    private FlightRecord? Earliest() => _pending.Where(static p => p is not null).OrderBy(static p => p!.Value.Position).FirstOrDefault();

    private string WaitingAt(FlightRecord at) =>
        $"{Names.Ranks(At(at))} {(At(at).Length == 1 ? "waits" : "wait")} in seq {at.Seq} ({at.Use}) of step {at.Step} since {Seconds(Longest(at))}";

    private int[] At(FlightRecord at) => [.. Enumerable.Range(0, _pending.Length).Where(r => _pending[r]?.Position == at.Position)];

    private long Longest(FlightRecord at) => At(at).Max(r => dump.Reports[r].Now - _pending[r]!.Value.Waits);

    private static string Whole(FlightRecord r) => $"{r.Use}: {Tensors.DTypes.Name(r.Type)} rows {r.Rows} of {r.TotalRows}, width {r.Width}";

    private static string Seconds(long nanoseconds) => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds * Nanosecond:0.0} s");
}
