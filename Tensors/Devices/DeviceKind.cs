namespace Lean.Tensors;

/// <summary>The interfaces a device can be driven through.</summary>
public enum DeviceKind
{
    /// <summary>The host's own processors.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU through the CUDA driver.</summary>
    Cuda,

    /// <summary>Any device with an OpenCL driver.</summary>
    OpenCL,

    /// <summary>An Intel GPU through Level Zero.</summary>
    LevelZero,
}
