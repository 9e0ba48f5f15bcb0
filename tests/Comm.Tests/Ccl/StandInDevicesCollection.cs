namespace Lean.Comm.Tests;

/// <summary>Tests that share the stand-ins, which note what is wrong for whoever asks: one after the other.</summary>
[CollectionDefinition(nameof(StandInDevices))]
public sealed class StandInDevicesCollection;
