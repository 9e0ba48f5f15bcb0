namespace Lean.Engine.Bench.Serve;

/// <summary>What one load came to.</summary>
/// <param name="Load">The load: "4 requests/s" or "16 at a time".</param>
/// <param name="Outcomes">Its requests.</param>
/// <param name="FirstTokenLimit">How soon the first token has to come for a request to count as good, in seconds.</param>
/// <param name="PerTokenLimit">How soon the tokens behind it have to follow each other, on average, in seconds.</param>
internal sealed record ServeFigure(string Load, IReadOnlyList<ServeOutcome> Outcomes, double FirstTokenLimit, double PerTokenLimit)
{
    /// <summary>The percentiles that are told.</summary>
    public static readonly int[] Percentiles = [50, 90, 95, 99];

    private readonly ServeOutcome[] _answered = [.. Outcomes.Where(static o => o.Failure is null)];

    /// <summary>From the first request's time to the last token, in seconds.</summary>
    public double Seconds => _answered.Length == 0 ? 0 : _answered.Max(static o => o.Last) - Outcomes.Min(static o => o.Intended);

    /// <summary>Requests answered.</summary>
    public int Answered => _answered.Length;

    /// <summary>Requests that were not.</summary>
    public int Failed => Outcomes.Count - _answered.Length;

    /// <summary>Requests a second.</summary>
    public double RequestRate => Rate(_answered.Length);

    /// <summary>Tokens generated a second.</summary>
    public double TokenRate => Rate(_answered.Sum(static o => (double)o.Tokens));

    /// <summary>Tokens of prompts a second.</summary>
    public double PromptRate => Rate(_answered.Sum(static o => (double)o.PromptTokens));

    /// <summary>Requests a second that kept both limits.</summary>
    public double Goodput => Rate(_answered.Count(o => o.FirstToken <= FirstTokenLimit && o.PerToken <= PerTokenLimit));

    /// <summary>Times to the first token.</summary>
    public Spread FirstToken => new(_answered.Select(static o => o.FirstToken));

    /// <summary>Times between pieces of answers.</summary>
    public Spread Gap => new(_answered.SelectMany(static o => o.Gaps));

    /// <summary>Times per token behind the first.</summary>
    public Spread PerToken => new(_answered.Where(static o => o.Tokens > 1).Select(static o => o.PerToken));

    /// <summary>Times to the last token.</summary>
    public Spread Whole => new(_answered.Select(static o => o.Whole));

    /// <summary>How late requests were sent.</summary>
    public Spread Lag => new(Outcomes.Select(static o => o.Sent - o.Intended));

    private double Rate(double count) => Seconds > 0 ? count / Seconds : 0;

    /// <summary>Times of many requests, in seconds.</summary>
    internal sealed class Spread(IEnumerable<double> times)
    {
        private readonly double[] _sorted = [.. times.Order()];

        /// <summary>The mean; NaN for none.</summary>
        public double Mean => _sorted.Length == 0 ? double.NaN : _sorted.Average();

        /// <summary>The least time that so many per cent do not exceed; NaN for none.</summary>
        public double At(double percent) => _sorted.Length == 0
            ? double.NaN
            : _sorted[int.Clamp((int)Math.Ceiling(percent / 100 * _sorted.Length) - 1, 0, _sorted.Length - 1)];
    }
}
