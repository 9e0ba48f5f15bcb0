namespace Lean.Comm;

/// <summary>A record in words.</summary>
public static class FlightText
{
    /// <summary>all_gather, layer 11, dispatch.</summary>
    public static string Use(FlightRecord record) => record.Use;

    /// <summary>tp, dp, ep or world.</summary>
    public static string Group(FlightRecord record) => Names.Of(record.Group);
}
