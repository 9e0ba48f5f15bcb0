using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Lean.Comm;

namespace Lean.Engine.Telemetry;

/// <summary>
/// What a server on several ranks tells of each of them. Ranks count their collectives themselves, in buckets; so histograms
/// are written as they are, and the meter has the figures that are one number.
/// </summary>
internal sealed class RankMetrics
{
    private const string Prefix = "lean:rank_";

    private readonly IRankStatus _ranks;

    /// <param name="ranks">The ranks.</param>
    /// <param name="meter">The server's meter.</param>
    public RankMetrics(IRankStatus ranks, Meter meter)
    {
        _ranks = ranks;
        Gauge("up", "1", "Whether a rank lives and answers", static (_, rank) => rank.State == RankState.Answered ? 1 : 0);
        Gauge("step", "{step}", "The step that a rank was last in", static (_, rank) => rank.Last?.Step ?? 0);
        Gauge("in_collective_seconds", "s", "For how long a rank has been in the collective that it is in, 0 between collectives", static (_, rank) => rank.IsInCollective ? rank.Since : 0);
        Gauge("skew_seconds", "s", "How late a rank comes to collectives in the mean, beside the one that waits longest", static (all, rank) => rank.Skew(all));

        void Gauge(string name, string unit, string description, Func<ImmutableArray<RankStatus>, RankStatus, double> value) => meter.CreateObservableGauge(
            $"lean.rank_{name}", () => Measure(value), unit, description);
    }

    /// <summary>The histograms in the text format that Prometheus reads.</summary>
    /// <param name="labels">Labels of every figure.</param>
    public string Write(string labels)
    {
        var text = new StringBuilder();
        ImmutableArray<RankStatus> ranks = _ranks.Ranks();
        Write(text, "collective_seconds", "How long a rank's collectives took, from coming to them to having finished them", labels, ranks, static rank => rank.Latency);
        Write(text, "wait_seconds", "How long a rank waited in collectives until all members had come; the rank that waits least is the one that others wait for", labels, ranks, static rank => rank.Waits);
        return text.ToString();
    }

    private static void Write(StringBuilder text, string name, string help, string labels, ImmutableArray<RankStatus> ranks, Func<RankStatus, CollectiveTimes> of)
    {
        text.Append(CultureInfo.InvariantCulture, $"# HELP {Prefix}{name} {help}\n# TYPE {Prefix}{name} histogram\n");
        foreach (RankStatus rank in ranks)
        {
            string own = $"{labels},{Label(rank)}";
            CollectiveTimes times = of(rank);
            long count = 0;
            for (int i = 0; i < CollectiveTimes.Buckets; i++)
            {
                count += times.Counts[i];
                string bound = i < CollectiveTimes.Buckets - 1 ? CollectiveTimes.BoundOf(i).ToString("R", CultureInfo.InvariantCulture) : "+Inf";
                text.Append(CultureInfo.InvariantCulture, $"{Prefix}{name}_bucket{{{own},le=\"{bound}\"}} {count}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"{Prefix}{name}_sum{{{own}}} {times.Nanoseconds * 1e-9:R}\n{Prefix}{name}_count{{{own}}} {count}\n");
        }
    }

    private static string Label(RankStatus rank) => PrometheusText.Label("rank", rank.Rank.ToString(CultureInfo.InvariantCulture));

    private IEnumerable<Measurement<double>> Measure(Func<ImmutableArray<RankStatus>, RankStatus, double> value)
    {
        ImmutableArray<RankStatus> ranks = _ranks.Ranks();
        return ranks.Select(rank => new Measurement<double>(
            value(ranks, rank), new KeyValuePair<string, object?>("rank", rank.Rank.ToString(CultureInfo.InvariantCulture))));
    }
}
