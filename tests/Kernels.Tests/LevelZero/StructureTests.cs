using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>Level Zero's structures as a C compiler lays them out from the specification's header (1.17, 64 bits).</summary>
public sealed class StructureTests
{
    [Fact]
    public void Sizes_are_the_specification_s()
    {
        Assert.Equal(40, Unsafe.SizeOf<ZEDriverProperties>());
        Assert.Equal(368, Unsafe.SizeOf<ZEDeviceProperties>());
        Assert.Equal(24, Unsafe.SizeOf<ZEUsableMemory>());
        Assert.Equal(88, Unsafe.SizeOf<ZEComputeProperties>());
        Assert.Equal(64, Unsafe.SizeOf<ZEModuleProperties>());
        Assert.Equal(296, Unsafe.SizeOf<ZEMemoryProperties>());
        Assert.Equal(40, Unsafe.SizeOf<ZEQueueGroup>());
        Assert.Equal(24, Unsafe.SizeOf<ZEContextDescription>());
        Assert.Equal(40, Unsafe.SizeOf<ZEQueueDescription>());
        Assert.Equal(24, Unsafe.SizeOf<ZEDeviceMemoryDescription>());
        Assert.Equal(24, Unsafe.SizeOf<ZEHostMemoryDescription>());
        Assert.Equal(24, Unsafe.SizeOf<ZERelaxedLimits>());
        Assert.Equal(24, Unsafe.SizeOf<ZEEventPoolDescription>());
        Assert.Equal(32, Unsafe.SizeOf<ZEEventDescription>());
        Assert.Equal(56, Unsafe.SizeOf<ZEModuleDescription>());
        Assert.Equal(32, Unsafe.SizeOf<ZEKernelDescription>());
        Assert.Equal(12, Unsafe.SizeOf<ZEGroupCount>());
        Assert.Equal(24, Unsafe.SizeOf<ZECopyRegion>());
        Assert.Equal(32, Unsafe.SizeOf<ZETimestamps>());
        Assert.Equal(16, Unsafe.SizeOf<ViewParameter>());
    }

    [Theory]
    [InlineData(typeof(ZEDriverProperties), nameof(ZEDriverProperties.Version), 32)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.Type), 16)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.Device), 24)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.LargestAllocation), 40)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.TimerResolution), 80)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.KernelTimestampBits), 92)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.Uuid), 96)]
    [InlineData(typeof(ZEDeviceProperties), nameof(ZEDeviceProperties.Name), 112)]
    [InlineData(typeof(ZEUsableMemory), nameof(ZEUsableMemory.Bytes), 16)]
    [InlineData(typeof(ZEComputeProperties), nameof(ZEComputeProperties.MostThreads), 16)]
    [InlineData(typeof(ZEComputeProperties), nameof(ZEComputeProperties.SharedBytes), 44)]
    [InlineData(typeof(ZEModuleProperties), nameof(ZEModuleProperties.SpirvVersion), 16)]
    [InlineData(typeof(ZEModuleProperties), nameof(ZEModuleProperties.ArgumentBytes), 36)]
    [InlineData(typeof(ZEMemoryProperties), nameof(ZEMemoryProperties.Bytes), 32)]
    [InlineData(typeof(ZEQueueGroup), nameof(ZEQueueGroup.Flags), 16)]
    [InlineData(typeof(ZEQueueGroup), nameof(ZEQueueGroup.LongestFillPattern), 24)]
    [InlineData(typeof(ZEQueueGroup), nameof(ZEQueueGroup.Queues), 32)]
    [InlineData(typeof(ZEQueueDescription), nameof(ZEQueueDescription.Ordinal), 16)]
    [InlineData(typeof(ZEQueueDescription), nameof(ZEQueueDescription.Flags), 24)]
    [InlineData(typeof(ZEQueueDescription), nameof(ZEQueueDescription.Mode), 28)]
    [InlineData(typeof(ZEQueueDescription), nameof(ZEQueueDescription.Priority), 32)]
    [InlineData(typeof(ZEDeviceMemoryDescription), nameof(ZEDeviceMemoryDescription.Ordinal), 20)]
    [InlineData(typeof(ZEEventPoolDescription), nameof(ZEEventPoolDescription.Count), 20)]
    [InlineData(typeof(ZEEventDescription), nameof(ZEEventDescription.Signal), 20)]
    [InlineData(typeof(ZEEventDescription), nameof(ZEEventDescription.Wait), 24)]
    [InlineData(typeof(ZEModuleDescription), nameof(ZEModuleDescription.Format), 16)]
    [InlineData(typeof(ZEModuleDescription), nameof(ZEModuleDescription.InputSize), 24)]
    [InlineData(typeof(ZEModuleDescription), nameof(ZEModuleDescription.Input), 32)]
    [InlineData(typeof(ZEModuleDescription), nameof(ZEModuleDescription.BuildFlags), 40)]
    [InlineData(typeof(ZEModuleDescription), nameof(ZEModuleDescription.Constants), 48)]
    [InlineData(typeof(ZEKernelDescription), nameof(ZEKernelDescription.Name), 24)]
    [InlineData(typeof(ZECopyRegion), nameof(ZECopyRegion.Width), 12)]
    [InlineData(typeof(ViewParameter), nameof(ViewParameter.Length), 8)]
    public void Offsets_are_the_specification_s(Type structure, string field, int offset) => Assert.Equal(offset, (int)Marshal.OffsetOf(structure, field));
}
